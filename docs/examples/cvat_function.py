"""CVAT's automatic annotation with this detector; docs/labelling.md describes its use."""

from __future__ import annotations

from collections.abc import Sequence

import cvat_sdk.auto_annotation as cvat
from cvat_sdk.models import LabeledShapeRequest
from PIL.Image import Image

from detector import Detector


class DetectionFunction:
    """The two members that CVAT needs: `spec` names the labels, `detect` returns rectangles."""

    def __init__(self, detector: Detector) -> None:
        self.detector = detector
        names = detector.class_names
        labels = [cvat.label_spec(name, i, type="rectangle") for i, name in enumerate(names)]
        self.spec = cvat.DetectionFunctionSpec(labels=labels)

    def detect(
        self, context: cvat.DetectionFunctionContext, image: Image
    ) -> Sequence[LabeledShapeRequest]:
        """The detections in one frame; without CVAT's threshold, the recipe's applies."""
        found = self.detector(image, threshold=context.conf_threshold)
        return [cvat.rectangle(one.label, list(one.box_xyxy)) for one in found]


def create(weights: str | None = None) -> DetectionFunction:
    """Called by CVAT with its `-p` parameters; `weights` is a run folder, a file or a recipe."""
    return DetectionFunction(Detector.load(weights) if weights else Detector.load())
