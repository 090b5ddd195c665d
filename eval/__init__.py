"""Detections + ground truth -> numbers. Needs neither torch nor the detector.

Why a figure is what it is: eval.why. As a page: eval.report. Faults of files: eval.checking.linter.
"""

from eval.datasets import Dataset, ImageRecord, Truths, read_dataset
from eval.detections import DetectionTable, read_detections
from eval.errors import EvaluationError
from eval.evaluate import Report, evaluate
from eval.protocols.coco_result import CocoOptions

__all__ = [
    "CocoOptions",
    "Dataset",
    "DetectionTable",
    "EvaluationError",
    "ImageRecord",
    "Report",
    "Truths",
    "evaluate",
    "read_dataset",
    "read_detections",
]
