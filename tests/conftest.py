"""What several test files share: made-up pictures, a data set of them, an untrained detector."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

NAMES, CATEGORY_IDS = ("red", "green"), (17, 18)
COLOURS = ((220, 30, 30), (30, 200, 40))

# A recipe for pictures of a hundred pixels: everything small, nothing frozen that is tested.
SMALL_RECIPE: dict[str, Any] = {
    "name": "small",
    "proposals": {"mode": "single", "width": 96, "min_side": 8},
    "network": {"short_side": 64, "long_side": 128, "keep": 30, "batch": 16},
    "postprocess": {"visualize_threshold": 0.2},
    "training": {
        "short_sides": [64, 80],
        "regions_per_image": 16,
        "rejection_regions": 32,
        "freeze": "5a",
        "warmup_steps": 2,
        "checkpoint_minutes": 0.0,
        "validation_fraction": 0.2,
    },
}


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


@pytest.fixture(scope="session")
def small_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """COCO JSON of six pictures with a red and a green rectangle each, the pictures beside it."""
    folder = tmp_path_factory.mktemp("rectangles")
    document: dict[str, list[dict[str, Any]]] = {
        "images": [],
        "annotations": [],
        "categories": [
            {"id": identity, "name": name}
            for identity, name in zip(CATEGORY_IDS, NAMES, strict=True)
        ],
    }
    for number in range(1, 7):
        image, boxes = rectangles(number)
        name = f"{number}.png"
        Image.fromarray(image).save(folder / name)
        document["images"].append({"id": number, "file_name": name, "height": 96, "width": 128})
        for category, (x1, y1, x2, y2) in zip(CATEGORY_IDS, boxes, strict=True):
            document["annotations"].append(
                {"image_id": number, "category_id": category, "bbox": [x1, y1, x2 - x1, y2 - y1]}
            )
    path = folder / "instances.json"
    path.write_text(json.dumps(document))
    return path


@pytest.fixture(scope="session")
def small_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of an untrained detector of two classes whose answers differ between regions."""
    import torch

    from configs import recipe_from_dict
    from detector.regions import RegionClassifier
    from detector.weights_file import WeightsInfo, load_imagenet, save_weights

    torch.manual_seed(0)
    model = RegionClassifier(len(NAMES))
    load_imagenet(model.network)
    torch.nn.init.normal_(model.classifier.weight, std=0.2)
    torch.nn.init.normal_(model.regressor.weight, std=0.05)
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    recipe = recipe_from_dict(SMALL_RECIPE).to_dict()
    save_weights(path, model, WeightsInfo(NAMES, CATEGORY_IDS, recipe))
    return path
