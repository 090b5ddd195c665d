"""Weights on disk: safetensors with everything needed to use them in the metadata.

A weights file holds float16 tensors and, as JSON under the metadata key "detector", the class
names, category ids, recipe, provenance, measured metrics and version. Nothing is unpickled.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detector.errors import DetectorError
from proposals.whole_files import replacing

if TYPE_CHECKING:
    from torch import Tensor, nn

WEIGHTS_FOLDER = Path(__file__).parent / "weights"
IMAGENET_WEIGHTS = WEIGHTS_FOLDER / "googlenet_imagenet.safetensors"
FORMAT = 1
MULTIBOX = "multibox."  # prefix of the names of MultiBox's tensors
CLASSIFIER_BIAS = "loss3/classifier.bias"  # Caffe's name; its length is the number of classes


@dataclass(frozen=True)
class WeightsInfo:
    """The metadata of a weights file."""

    class_names: tuple[str, ...]
    category_ids: tuple[int | str, ...]
    recipe: dict[str, Any]
    provenance: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    version: str = ""
    format: int = FORMAT
    members: tuple[str, ...] = ("shared",)  # how each network reads regions: ensemble.MODES


def save_weights(
    path: Path, tensors: dict[str, Tensor], info: WeightsInfo, multibox: nn.Module | None = None
) -> None:
    """Write the networks' tensors (`ensemble.pack`), and MultiBox's where given, in float16."""
    import torch

    state = dict(tensors)
    if multibox is not None:
        state |= {MULTIBOX + name: tensor for name, tensor in multibox.state_dict().items()}
    tensors = {
        name: tensor.detach().to("cpu", torch.float16).contiguous()
        for name, tensor in state.items()
    }
    save_tensors(path, tensors, {"detector": json.dumps(asdict(info), sort_keys=True)})


def load_weights(path: Path) -> tuple[dict[str, Tensor], WeightsInfo]:
    """Read a file of `save_weights`: float32 tensors by name, and the info.

    Raises
    ------
    DetectorError
        Missing or damaged file, or one that holds no detector.
    """
    tensors, metadata = load_tensors(path)
    info = _info(metadata, path)
    return {name: tensor.float() for name, tensor in tensors.items()}, info


def load_info(path: Path) -> WeightsInfo:
    """Read the info of a file of `save_weights` without its tensors and without torch.

    Raises
    ------
    DetectorError
        Missing or damaged file, or one that holds no detector.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "numpy") as file:
            return _info(file.metadata() or {}, path)
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, error) from None


def _info(metadata: dict[str, str], path: Path) -> WeightsInfo:
    try:
        content = json.loads(metadata["detector"])
        content["class_names"] = tuple(content["class_names"])
        content["category_ids"] = tuple(content["category_ids"])
        content["members"] = tuple(content["members"])
        info = WeightsInfo(**content)
    except (KeyError, TypeError, ValueError):
        raise DetectorError(
            f"{path}: holds no detector (no usable metadata); give weights made by `detect train`"
        ) from None
    if info.format != FORMAT:
        raise DetectorError(
            f"{path}: weights format {info.format}, this version reads {FORMAT}; "
            "install the version that wrote them"
        )
    return info


def split_multibox(tensors: dict[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The classifier's tensors, and MultiBox's under their own names (none: not trained)."""
    heads = {
        name.removeprefix(MULTIBOX): tensor
        for name, tensor in tensors.items()
        if name.startswith(MULTIBOX)
    }
    return {n: tensor for n, tensor in tensors.items() if not n.startswith(MULTIBOX)}, heads


def load_imagenet(network: nn.Module, path: Path = IMAGENET_WEIGHTS) -> dict[str, str]:
    """Fill a GoogLeNet from BVLC's ImageNet weights or those of `detect pretrain`.

    Returns the file's metadata. Parts that the network lacks (the classifier of a detector's) or
    the file lacks (auxiliary heads) are left as they are.
    """
    from detector.networks.googlenet import caffe_name

    tensors, metadata = load_tensors(path)
    state = {}
    for name in network.state_dict():
        if not name.startswith("auxiliary"):
            try:
                state[name] = tensors[caffe_name(name)].float()
            except KeyError:
                raise DetectorError(
                    f"{path}: has no tensor for {name}; give BVLC GoogLeNet weights"
                ) from None
    try:
        network.load_state_dict(state, strict=False)
    except RuntimeError:
        raise DetectorError(
            f"{path}: its tensors have other shapes; give BVLC GoogLeNet weights"
        ) from None
    return metadata


def save_imagenet(path: Path, network: nn.Module, metadata: dict[str, str]) -> None:
    """Write a GoogLeNet as `load_imagenet` reads it: float16, Caffe's names; atomic.

    Auxiliary heads are left out: they serve training alone (the paper's section 5).
    """
    import torch

    from detector.networks.googlenet import caffe_name

    tensors = {
        caffe_name(name): tensor.detach().to("cpu", torch.float16).contiguous()
        for name, tensor in network.state_dict().items()
        if not name.startswith("auxiliary")
    }
    save_tensors(path, tensors, metadata)


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All tensors and the metadata of a safetensors file, or of a run folder's result."""
    from safetensors import SafetensorError, safe_open

    path = path / "weights.safetensors" if path.is_dir() else path
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, error) from None
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise DetectorError(
                f"{path}: {name} holds numbers that are not finite; train again or copy it anew"
            )
    return tensors, metadata


def _unreadable(path: Path, error: Exception) -> DetectorError:
    reason = "no such file" if not path.exists() else f"not readable ({error})"
    return DetectorError(f"{path}: {reason}; give the path of a .safetensors file")


def save_tensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a whole safetensors file or nothing."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with replacing(path) as temporary:
            save_file(tensors, temporary, metadata)
    except (OSError, SafetensorError) as error:
        raise DetectorError(
            f"{path}: cannot be written ({error}); free space there or name another folder"
        ) from error
