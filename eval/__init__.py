"""Detections + ground truth -> numbers. Needs neither torch nor the detector.

Why a figure is what it is: eval.why. As a page: eval.report. Faults of files: eval.checking.
"""

from eval.datasets import Dataset, ImageRecord, Truths
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.evaluate import Report, evaluate
from eval.protocols.coco_result import CocoOptions
from eval.reading import read_dataset, read_detections

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
