"""A detector without a network, whose detections depend only on the picture's pixels.

python -m tests.detector.stub_detector evaluate --data ...

is the real command with this detector and with slow writes, which a kill often cuts in half.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from detector.pictures.reading import read_image
from detector.postprocess import Candidates
from detector.recipes import Recipe
from detector.results import Detections
from tests.made_up import CATEGORY_IDS, NAMES

SIDE = 32


class StubDetector:
    """Replaces detector.pipeline.Detector in tests of the command around it."""

    def __init__(self) -> None:
        self.info = SimpleNamespace(class_names=NAMES, category_ids=CATEGORY_IDS)
        self.recipe, self.multibox = Recipe(), None
        self.device, self.engine = SimpleNamespace(type="cpu"), "torch"
        self.seen: list[str] = []

    def digest(self) -> str:
        return str(self.info.class_names)

    def trace(self, path: Path, preset: str) -> tuple[Detections, Any]:
        self.seen.append(path.name)
        image = read_image(path)
        rng = np.random.default_rng(image.ravel())
        count = int(rng.integers(0, 6))
        corners = rng.uniform(0, SIDE / 2, (count, 2))
        boxes = np.concatenate([corners, corners + rng.uniform(2, SIDE / 2, (count, 2))], axis=1)
        boxes = boxes.astype(np.float32)
        scores = np.sort(rng.uniform(0, 1, count))[::-1].astype(np.float32)
        labels = rng.integers(0, len(NAMES), count)
        found = Detections(boxes, scores, labels, NAMES, image.shape[:2], CATEGORY_IDS)
        scored = Candidates(boxes, scores, labels)
        return found, SimpleNamespace(proposals_xyxy=boxes, regions_xyxy=boxes, scored=scored)


def use(patch: pytest.MonkeyPatch) -> StubDetector:
    """Make `detect evaluate` run a new StubDetector until the test ends."""
    stub = StubDetector()
    patch.setattr("detector.commands.evaluate.load_detector", lambda *_: stub)
    return stub


def tiny_dataset(folder: Path, count: int) -> Path:
    """COCO JSON of `count` pictures of noise, 32 x 32, with up to two objects each."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(count)
    images, annotations = [], []
    for number in range(1, count + 1):
        name = f"{number}.bmp"
        noise = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / name)
        images.append({"id": number, "file_name": name, "height": SIDE, "width": SIDE})
        for category in CATEGORY_IDS[: int(rng.integers(0, 3))]:
            x, y = rng.integers(0, SIDE // 2, 2).tolist()
            annotations.append(
                {"image_id": number, "category_id": category, "bbox": [x, y, 12, 12]}
            )
    categories = [{"id": i, "name": name} for i, name in zip(CATEGORY_IDS, NAMES, strict=True)]
    path = folder / "tiny.json"
    document = {"images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(document))
    return path


def write_slowly(file: int, content: bytes, write: Callable[[int, bytes], int] = os.write) -> int:
    done = write(file, content[: len(content) // 2])
    time.sleep(0.002)
    return done + write(file, content[done:])


if __name__ == "__main__":
    from detector.cli import main

    use(pytest.MonkeyPatch())
    os.write = write_slowly  # type: ignore
    sys.exit(main(sys.argv[1:]))
