"""The objects found in one picture, and their conversions for other programs."""

from detector.results.detection import Detection
from detector.results.detections import Detections

__all__ = ["Detection", "Detections"]
