"""OpenVINO in place of torch for GoogLeNet's passes, on a CPU and in inference alone.

torch stays the reference, and computes everything outside GoogLeNet: the scores of regions, boxes,
RoIAlign and crops, which are a few hundredths of the time. Both engines compute in the same number
format, so their results differ by rounding alone.
"""

from __future__ import annotations

import hashlib
import threading
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from detector.errors import DetectorError
from detector.extras import require
from detector.files.digests import hash_of_tensors
from detector.networks import openvino_graph
from detector.networks.googlenet import GoogLeNet
from detector.networks.openvino_graph import PASSES, openvino_package, pass_graph
from detector.networks.precision import cpu_has_bfloat16
from detector.networks.quantisation import ranges_by_name
from rcnn_kernels import storage

ENGINES = ("auto", "torch", "openvino")
# Regions and crops go through in eights, the last eight padded, because OpenVINO compiles every
# layer again for each size of batch
ROWS = 8


def choose_engine(engine: str, device: torch.device) -> str:
    """The engine that computes, "torch" or "openvino".

    "auto" is torch, with which the shipped detectors were measured.

    Raises
    ------
    DetectorError
        No such engine, OpenVINO on another device than a CPU, or not installed.
    """
    if engine not in ENGINES:
        raise DetectorError(f"engine {engine}: is none; use {', '.join(ENGINES)}")
    if engine == "openvino":
        if device.type != "cpu":
            raise DetectorError(
                f"engine openvino: computes on CPUs, and the device is {device}; use the engine "
                "torch, or the device cpu"
            )
        require("openvino", "engine openvino")
    return "torch" if engine == "auto" else engine


class CompiledGoogLeNet:
    """The passes of a GoogLeNet, compiled by OpenVINO for its present weights.

    A pass is compiled when it is first used, which takes seconds, and kept with the compiled
    kernels, from where later processes read it in a tenth of a second.

    Parameters
    ----------
    network
        On a CPU, in evaluation mode; its weights do not change any more.
    """

    def __init__(self, network: GoogLeNet) -> None:
        self.network = network
        self._models: dict[str, Any] = {}
        self._requests: dict[tuple[str, int], Any] = {}  # a thread has its own
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, also in another process, compiles for itself: OpenVINO's objects stay here."""
        return CompiledGoogLeNet, (self.network,)

    def trunk(self, x: Tensor) -> Tensor:
        """`GoogLeNet.trunk`; photographs go through one by one."""
        return self._run("trunk", x, 1)

    def early(self, x: Tensor) -> Tensor:
        """`GoogLeNet.early` of crops."""
        return self._run("early", x, ROWS)

    def late(self, x: Tensor) -> Tensor:
        """`GoogLeNet.late` of crops."""
        return self._run("late", x, ROWS)

    def region_cells(self, regions: Tensor) -> Tensor:
        """`GoogLeNet.region_cells` of regions, or of the map of a whole photograph."""
        # OpenVINO's pool of two cells by three is empty; a cell of 0 changes no largest value,
        # because maps are not negative
        height, width = regions.shape[2:]
        padded = F.pad(regions, (0, max(0, 3 - width), 0, max(0, 3 - height)))
        return self._run("region_cells", padded, ROWS if len(regions) > 1 else 1)

    def _run(self, name: str, x: Tensor, size: int) -> Tensor:
        """(N, C, H, W) -> float32 in channels_last, `size` rows at a time."""
        request = self._request(name)
        outputs = []
        for piece in x.permute(0, 2, 3, 1).float().split(size):
            padded = F.pad(piece, (0, 0) * 3 + (0, size - len(piece))).contiguous()
            request.set_input_tensor(openvino_package().Tensor(padded.numpy(), shared_memory=True))
            request.infer()
            # The next call writes to the same memory
            result = torch.from_numpy(request.get_output_tensor().data.copy())
            outputs.append(result[: len(piece)])
        return torch.cat(outputs).permute(0, 3, 1, 2)

    def _request(self, name: str) -> Any:
        key = name, threading.get_ident()
        if key not in self._requests:
            with self._lock:
                if name not in self._models:
                    self._models[name] = _compiled(self.network, name)
            self._requests[key] = self._models[name].create_infer_request()
        return self._requests[key]


def _compiled(network: GoogLeNet, name: str) -> Any:
    """OpenVINO's compiled model of a pass, from the disk if it is there."""
    precision = "bf16" if cpu_has_bfloat16() else "f32"
    config = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": torch.get_num_threads(),
        "ENABLE_CPU_PINNING": False,  # several processes would be pinned to the same cores
    }
    file = f"openvino-{_key(network, name, precision)}.blob"
    if (kept := storage.find(file)) is not None:
        return _core().import_model(kept, "CPU", config)
    compiled = _core().compile_model(pass_graph(network, name), "CPU", config)
    storage.write(file, compiled.export_model().getvalue())
    return compiled


def _key(network: GoogLeNet, name: str, precision: str) -> str:
    """64 digits of what a compiled pass depends on: weights, code, OpenVINO and the processor."""
    _, layers = PASSES[name]
    weights = {
        f"{layer}.{key}": tensor
        for layer in layers
        for key, tensor in network.get_submodule(layer).state_dict().items()
    }
    ranges = sorted(ranges_by_name(network).items())
    sources = (__file__, openvino_graph.__file__)
    code = b"".join(Path(str(source)).read_bytes() for source in sources)
    properties = [
        str(_core().get_property("CPU", key))
        for key in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")
    ]
    words = (name, precision, hash_of_tensors(weights), ranges, engine_version(), *properties)
    return hashlib.sha256(code + repr(words).encode()).hexdigest()


@cache
def _core() -> Any:
    """OpenVINO in this process."""
    return openvino_package().Core()


def engine_version() -> str:
    """OpenVINO's version and build."""
    return str(openvino_package().__version__)
