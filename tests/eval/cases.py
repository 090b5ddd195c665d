"""Test cases with known answers: small ones made here, published ones where they are present."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eval import Dataset, read_dataset

PUBLISHED = Path(__file__).resolve().parents[2].parent / "shared" / "reference" / "eval"

Box = tuple[float, float, float, float]


def published(name: str) -> Path:
    """Folder of a published case; the test is skipped where it is not present."""
    if not (PUBLISHED / name).is_dir():
        pytest.skip(f"published case {name} is not here")
    return PUBLISHED / name


def dataset_of(
    folder: Path, truths: list[dict[str, Any]], images: int, names: list[str]
) -> Dataset:
    """Images 1..images of 1000 x 1000, classes with ids 1, 2, ... in the order of names."""
    document = {
        "images": [
            {"id": i, "file_name": f"{i}.jpg", "height": 1000, "width": 1000}
            for i in range(1, images + 1)
        ],
        "categories": [{"id": k, "name": name} for k, name in enumerate(names, start=1)],
        "annotations": truths,
    }
    path = folder / "truth.json"
    path.write_text(json.dumps(document))
    return read_dataset(path)


def truth(image: int, category: int, box_xyxy: Box, **extra: Any) -> dict[str, Any]:
    x1, y1, x2, y2 = box_xyxy
    bbox = [x1, y1, x2 - x1, y2 - y1]
    return {"image_id": image, "category_id": category, "bbox": bbox, **extra}


def found(image: int, category: int, box_xyxy: Box, score: float) -> dict[str, Any]:
    return truth(image, category, box_xyxy, score=score)
