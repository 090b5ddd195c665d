"""Evaluate the detections of any detector against ground truth. Needs no torch and no detector.

eval.why explains a figure, eval.report writes it as a page, eval.checking finds faults in files.
"""

from eval.batches import MeanAveragePrecision
from eval.datasets import Dataset, ImageRecord, Truths
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.evaluate import evaluate
from eval.operating.thresholds_file import read_thresholds
from eval.protocols.options import Options
from eval.protocols.report import Report
from eval.reading import read_dataset, read_detections

__all__ = [
    "Dataset",
    "DetectionTable",
    "EvaluationError",
    "ImageRecord",
    "MeanAveragePrecision",
    "Options",
    "Report",
    "Truths",
    "evaluate",
    "read_dataset",
    "read_detections",
    "read_thresholds",
]
