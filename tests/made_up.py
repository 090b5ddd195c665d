"""Synthetic pictures with known boxes, and a recipe for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from detector.recipes import fill
from detector.recipes.loading import Options

NAMES, CATEGORY_IDS = ("red", "green"), (17, 18)
COLOURS = ((220, 30, 30), (30, 200, 40))

# A recipe for pictures of a hundred pixels
SMALL_RECIPE: dict[str, Any] = {
    "name": "small",
    "proposals": {"mode": "single", "width": 96, "min_side": 8},
    "network": {"short_side": 64, "long_side": 128, "keep": 30},
    "postprocess": {"visualize_threshold": 0.2},
    "training": {
        "short_sides": [64, 80],
        "regions_per_image": 16,
        "freeze": "5a",
        "warmup_steps": 2,
        "validation_fraction": 0.2,
    },
}


def altered(options: Options, **values: Any) -> Options:
    """Options with some values replaced, by the keys of a recipe's section."""
    return fill(options, values, where="test")


def rectangles(seed: int, height: int = 96, width: int = 128) -> tuple[np.ndarray, list[list[int]]]:
    """Noise with a red rectangle on the left and a green one on the right; boxes xyxy."""
    rng = np.random.default_rng(seed)
    image = rng.integers(90, 160, (height, width, 3), dtype=np.uint8)
    boxes = []
    for side, colour in enumerate(COLOURS):
        x1 = side * width // 2 + int(rng.integers(4, width // 8))
        y1 = int(rng.integers(4, height // 4))
        x2, y2 = x1 + width // 4, y1 + int(rng.integers(height // 4, height // 2))
        image[y1:y2, x1:x2] = colour
        boxes.append([x1, y1, x2, y2])
    return image, boxes


def colour_noise(path: Path, colour: tuple[int, int, int], seed: int) -> None:
    """Write a picture of 56 x 40 pixels of nearly the same colour."""
    rng = np.random.default_rng(seed)
    pixels = np.clip(np.array(colour) + rng.normal(0, 25, (40, 56, 3)), 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
