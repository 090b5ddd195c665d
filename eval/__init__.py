"""Detections + ground truth -> numbers. Needs neither torch nor the detector."""

from eval.datasets import Dataset, ImageRecord, Truths, read_dataset
from eval.evaluate import Report, evaluate
from eval.records import EvaluationError

__all__ = [
    "Dataset",
    "EvaluationError",
    "ImageRecord",
    "Report",
    "Truths",
    "evaluate",
    "read_dataset",
]
