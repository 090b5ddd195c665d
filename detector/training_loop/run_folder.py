"""A run folder: what was trained, from what, with what, and how it went.

recipe.yaml             everything that decided the run
run.json                seed, data, versions, device, command line, dates
metrics.jsonl           a line per logged step: mean losses; figures of validation
curves.png              the same as a picture (and TensorBoard's events, where installed)
checkpoint.safetensors  everything needed to go on
multibox_boxes.safetensors  in warp mode: the boxes of another detector's MultiBox, learned from
weights.safetensors     the result
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from detector.errors import DetectorError
from detector.recipes import Recipe, load_recipe
from detector.version import __version__
from proposals.whole_files import replacing

RECIPE, RUN, METRICS, CURVES = "recipe.yaml", "run.json", "metrics.jsonl", "curves.png"
CHECKPOINT, WEIGHTS = "checkpoint.safetensors", "weights.safetensors"
MULTIBOX_BOXES = "multibox_boxes.safetensors"
MULTIBOX = "multibox"  # folder of what learns MultiBox's heads


def start_run_folder(
    folder: Path,
    recipe: Recipe,
    data: Path,
    content: str,
    photographs: int,
    seed: int,
    device: torch.device,
    initial: str = "",
) -> None:
    """Write recipe.yaml and run.json, or add a date to those of the run to be continued.

    `content` tells what lies at `data` from any other data, `initial` the weights it starts from
    from any others. A run that was refused before it had learned anything leaves nothing to
    continue; another one may begin in its folder.

    Raises
    ------
    DetectorError
        The folder holds a run of another recipe or of other data, or one that started from other
        weights.
    """
    import yaml

    folder.mkdir(parents=True, exist_ok=True)
    path, begun = folder / RECIPE, _has_begun(folder)
    if not (begun and path.exists()):
        text = yaml.safe_dump(_plain(recipe.to_dict()), sort_keys=False, allow_unicode=True)
        write_text(path, text)
    elif load_recipe(path) != recipe:
        raise DetectorError(f"{path}: another recipe was used here; give another --output")
    path = folder / RUN
    if begun and path.exists():
        about = json.loads(path.read_text(encoding="utf-8"))
        before = about.get("data", {})
        if "content" in before:
            is_other = before["content"] != content
            from_other = about.get("initial_weights", initial) != initial
        else:  # begun with an older version, which took digests of files
            known = before.get("sha256") and data.is_file()
            is_other, from_other = known and before["sha256"] != sha256(data), False
        if from_other:
            raise DetectorError(
                f"{path}: the run here started from other weights; give another --output"
            )
        if is_other:
            raise DetectorError(
                f"{path}: the run here learned from other data than {data} holds now; "
                "give another --output"
            )
        about["continued"] = [*about.get("continued", []), _now()]
    else:
        about = describe_run(data, content, photographs, seed, device)
        about |= {"initial_weights": initial} if initial else {}
    write_text(path, json.dumps(about, indent=2, ensure_ascii=False) + "\n")


def _has_begun(folder: Path) -> bool:
    """Whether anything that was learned lies there, or in the folders of its members."""
    described = (RECIPE, RUN, MULTIBOX_BOXES)
    return any(
        path.is_file() and path.name not in described and not path.name.startswith(".")
        for path in folder.rglob("*")
    )


def describe_run(
    data: Path, content: str, photographs: int, seed: int, device: torch.device
) -> dict[str, Any]:
    """What one needs to know to repeat a run, besides its recipe."""
    import cv2
    import numpy as np

    cuda = device.type == "cuda"
    name = torch.cuda.get_device_name(device) if cuda else platform.processor()
    return {
        "command": shlex.join(sys.argv),
        "started": _now(),
        "seed": seed,
        "data": {
            "file": str(data),
            "sha256": sha256(data) if data.is_file() else None,
            "content": content,
            "photographs": photographs,
        },
        "device": f"{device} ({name or platform.machine()})",
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
        "versions": {
            "googlenet-rcnn": __version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "opencv": cv2.__version__,
        },
    }


def log_metrics(folder: Path, step: int, values: Mapping[str, float]) -> None:
    """Add a line to metrics.jsonl."""
    with open(folder / METRICS, "a", encoding="utf-8") as file:
        file.write(json.dumps(metrics_line(step, values)) + "\n")


def metrics_line(step: int, values: Mapping[str, float]) -> dict[str, float]:
    """A line of metrics.jsonl: five digits are enough."""
    return {"step": step, **{key: float(f"{value:.5g}") for key, value in values.items()}}


def read_metrics(folder: Path) -> list[dict[str, float]]:
    """The lines of metrics.jsonl; a last one cut off by a crash is left out."""
    path = folder / METRICS
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found: list[dict[str, float]] = []
    for line in lines:
        try:
            found.append(json.loads(line))
        except ValueError:
            break
    return found


def forget_after(folder: Path, step: int) -> None:
    """Drop the lines of later steps than the checkpoint's; they will be written again."""
    kept = [line for line in read_metrics(folder) if line["step"] <= step]
    if (folder / METRICS).exists():
        write_text(folder / METRICS, "".join(json.dumps(line) + "\n" for line in kept))


def write_text(path: Path, text: str) -> None:
    """Write a whole file or nothing."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def sha256(path: Path) -> str:
    """Of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value
