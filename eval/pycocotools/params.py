"""The parameters of an evaluation, by pycocotools' names."""

from __future__ import annotations

from typing import Any

import numpy as np

from eval.errors import EvaluationError
from eval.protocols.options import AREAS

# Standard deviations of annotators' keypoints in units of the object's size, for COCO's 17 points
SIGMAS = (
    *(0.26, 0.25, 0.25, 0.35, 0.35, 0.79, 0.79, 0.72, 0.72),
    *(0.62, 0.62, 1.07, 1.07, 0.87, 0.87, 0.89, 0.89),
)


class Params:
    """What is evaluated, and at which thresholds; change the attributes before `evaluate`.

    Attributes
    ----------
    imgIds, catIds
        Lists of ids.
    iouThrs, recThrs
        (T,) and (R,) float64 thresholds of IoU and recall.
    maxDets
        Limits on the number of detections per image and category.
    areaRng, areaRngLbl
        Ranges [from, to] of object area in pixels^2, and their names.
    useCats
        0 ignores categories.
    iouType
        "bbox", "segm" or "keypoints".
    kpt_oks_sigmas
        (17,) float64, for keypoints only.
    useSegm
        Outdated way to choose "segm" (1) or "bbox" (0); None has no effect.
    """

    def __init__(self, iouType: str = "segm") -> None:
        if iouType not in ("bbox", "segm", "keypoints"):
            raise EvaluationError(f"iouType {iouType!r}: expected 'bbox', 'segm' or 'keypoints'")
        self.imgIds: Any = []
        self.catIds: Any = []
        self.iouThrs: Any = np.linspace(0.5, 0.95, 10)
        self.recThrs: Any = np.linspace(0, 1, 101)
        self.maxDets: Any = [1, 10, 100]
        self.areaRng: Any = [list(bounds) for bounds in AREAS.values()]
        self.areaRngLbl: Any = list(AREAS)
        if iouType == "keypoints":
            self.maxDets = [20]
            del self.areaRng[1], self.areaRngLbl[1]  # small persons have no keypoints
            self.kpt_oks_sigmas = np.array(SIGMAS) / 10.0
        self.useCats = 1
        self.iouType = iouType
        self.useSegm: int | None = None
