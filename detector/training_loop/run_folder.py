"""A run folder: what was trained, from what and how, and with which result.

recipe.yaml             everything that decides what is learned
run.json                data, initial weights, seed, machine, versions, command line, dates
metrics.jsonl           a line per logged step: mean losses; figures of validation
curves.png              the same as a picture (TensorBoard's events too, where it is installed)
checkpoint.safetensors  all that an interrupted run needs to continue
multibox_boxes.safetensors  in warp mode: the boxes of the proposer's MultiBox to learn from
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
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from detector.errors import DetectorError
from detector.recipes import PretrainOptions, Recipe, fill, read_yaml, to_dict
from detector.training_loop.machine import Machine
from detector.version import __version__
from proposals.whole_files import replacing

RECIPE, RUN, METRICS, CURVES = "recipe.yaml", "run.json", "metrics.jsonl", "curves.png"
CHECKPOINT, WEIGHTS = "checkpoint.safetensors", "weights.safetensors"
MULTIBOX_BOXES = "multibox_boxes.safetensors"
MULTIBOX = "multibox"  # folder in which MultiBox is trained


@dataclass(frozen=True)
class Origin:
    """What a run learns from and starts from; a run with another origin cannot continue it."""

    data: Path
    content: str  # digest of the data set that `data` holds
    photographs: int
    initial: str  # digest of the weights that it starts from, or "scratch"


def start_run_folder(
    folder: Path,
    recipe: Recipe | PretrainOptions,
    origin: Origin,
    seed: int,
    device: torch.device,
    machine: Machine,
) -> None:
    """Write recipe.yaml and run.json, or add a date to those of the run that is continued.

    A run that ended before it had learned anything has nothing to continue: another run may start
    in its folder. Another machine may continue a run.

    Raises
    ------
    DetectorError
        The folder holds a run of another recipe, of other data or from other initial weights, or
        its run.json is damaged.
    """
    import yaml

    folder.mkdir(parents=True, exist_ok=True)
    path, has_begun = folder / RECIPE, _has_begun(folder)
    if not (has_begun and path.exists()):
        text = yaml.safe_dump(to_dict(recipe), sort_keys=False, allow_unicode=True)
        write_text(path, text)
    elif fill(type(recipe)(), read_yaml(path), str(path)) != recipe:
        raise DetectorError(f"{path}: another recipe was used here; give another --output")
    path = folder / RUN
    if has_begun and path.exists():
        about = _read_description(path)
        if about.get("initial_weights") != origin.initial:
            raise DetectorError(
                f"{path}: the run here started from other weights; give another --output"
            )
        if about.get("data", {}).get("content") != origin.content:
            raise DetectorError(
                f"{path}: the run here learned from other data than {origin.data} holds now; "
                "give another --output"
            )
        about["continued"] = [*about.get("continued", []), _now()]
    else:
        about = describe_run(origin, seed, device, machine)
    write_text(path, json.dumps(about, indent=2, ensure_ascii=False) + "\n")


def _read_description(path: Path) -> dict[str, Any]:
    try:
        about = json.loads(path.read_bytes())
    except ValueError:
        about = None
    if not isinstance(about, dict):
        raise DetectorError(f"{path}: not the description of a run; give another --output")
    return about


def _has_begun(folder: Path) -> bool:
    """Whether the folder, or that of a member in it, holds anything that was learned."""
    described = (RECIPE, RUN, MULTIBOX_BOXES)
    return any(
        path.is_file() and path.name not in described and not path.name.startswith(".")
        for path in folder.rglob("*")
    )


def describe_run(
    origin: Origin, seed: int, device: torch.device, machine: Machine
) -> dict[str, Any]:
    """All that is needed to repeat a run, besides its recipe."""
    import cv2
    import numpy as np

    cuda = device.type == "cuda"
    name = torch.cuda.get_device_name(device) if cuda else platform.processor()
    data = origin.data
    return {
        "command": shlex.join(sys.argv),
        "started": _now(),
        "seed": seed,
        "data": {
            "file": str(data),
            "sha256": sha256(data) if data.is_file() else None,
            "content": origin.content,
            "photographs": origin.photographs,
        },
        "initial_weights": origin.initial,
        "device": f"{device} ({name or platform.machine()})",
        "processes": int(os.environ.get("WORLD_SIZE", "1")),
        "machine": asdict(machine),
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
    """A line of metrics.jsonl, with numbers of five digits."""
    return {"step": step, **{key: float(f"{value:.5g}") for key, value in values.items()}}


def read_metrics(folder: Path) -> list[dict[str, float]]:
    """The lines of metrics.jsonl, without a last one that a crash cut off."""
    path = folder / METRICS
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    metrics: list[dict[str, float]] = []
    for line in lines:
        try:
            metrics.append(json.loads(line))
        except ValueError:
            break
    return metrics


def forget_after(folder: Path, step: int) -> None:
    """Drop the lines of steps after the checkpoint, which will be written again."""
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
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
