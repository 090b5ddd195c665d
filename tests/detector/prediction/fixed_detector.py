"""A detector without networks that finds the same objects in every picture."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from detector.pictures.reading import ScaledPicture
from detector.postprocess import limits
from detector.recipes import Recipe
from detector.results import Detections
from tests.detector.command import Run, detect
from tests.made_up import CATEGORY_IDS, NAMES

# Boxes in shares of the picture, scores, labels
SHARES = np.array([[0.25, 0.25, 0.75, 0.5], [0.5, 0, 1, 1], [0, 0, 0.25, 0.5], [0, 0.5, 0.5, 1]])
SCORES, LABELS = (0.9, 0.8, 0.7, 0.3), (1, 0, 1, 0)


class FixedDetector:
    """Replaces detector.pipeline.Detector; `options` are those of its calls."""

    def __init__(self) -> None:
        self.info = SimpleNamespace(class_names=NAMES, category_ids=CATEGORY_IDS)
        self.recipe = Recipe()
        self.options: list[dict[str, Any]] = []

    def __call__(self, picture: ScaledPicture, **options: Any) -> Detections:
        self.options.append({**options, "pixels": picture.pixels.shape[:2]})
        height, width = picture.size
        found = Detections(
            (SHARES * [width, height, width, height]).astype(np.float32),
            np.array(SCORES, np.float32),
            np.array(LABELS),
            NAMES,
            picture.size,
            CATEGORY_IDS,
            picture.pixels,
        )
        chosen = limits(self.recipe.postprocess, NAMES, threshold=options["threshold"])
        return found[found.scores >= chosen.lowest_scores[found.labels]][
            : options["max_detections"]
        ]


class FixedRuns:
    """Runs `detect PICTURE ...` with a FixedDetector."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.detector = FixedDetector()
        patch.setattr("detector.commands.image.load_detector", lambda *_: self.detector)
        patch.setattr("detector.commands.image._load_kernels", lambda **_: None)
        patch.setattr("detector.commands.image.class_names_of", lambda *_: NAMES)

    def __call__(self, *words: object, **more: Any) -> Run:
        return detect("image", *words, **more)
