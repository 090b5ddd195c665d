"""What several test files share: a data set of made-up pictures, an untrained detector."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

from tests.made_up import CATEGORY_IDS, NAMES, SMALL_RECIPE, rectangles

# The same examples in every run, so that a failure can be repeated by whoever sees it. New ones are
# drawn with `--hypothesis-profile random`. Slow machines must not make tests fail.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("same", patient, derandomize=True, database=None)
settings.register_profile("random", patient)
settings.load_profile("same")


@pytest.fixture(scope="session", autouse=True)
def compiled_kernels() -> None:
    """Kernels are compiled before any test looks at the standard error."""
    from eval import compiled
    from eval.protocols import overlap
    from eval.pycocotools import compiled as drop_in
    from eval.why import compiled as analyses

    for module in (compiled, overlap, drop_in, analyses):
        module.library.load()


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
    """Weights of an untrained detector of two classes whose predictions differ between regions."""
    import torch

    from detector.networks.regions import RegionClassifier
    from detector.recipes import recipe_from_dict
    from detector.weights_file import WeightsInfo, load_imagenet, save_weights

    torch.manual_seed(1)
    model = RegionClassifier(len(NAMES))
    load_imagenet(model.network)
    torch.nn.init.normal_(model.classifier.weight, std=0.3)
    torch.nn.init.normal_(model.regressor.weight, std=0.01)
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    recipe = recipe_from_dict(SMALL_RECIPE).to_dict()
    save_weights(path, model.state_dict(), WeightsInfo(NAMES, CATEGORY_IDS, recipe))
    return path
