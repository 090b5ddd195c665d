"""Evaluate a detector batch by batch, without files: predictions and targets stay in memory."""

from eval.batches.metric import MeanAveragePrecision

__all__ = ["MeanAveragePrecision"]
