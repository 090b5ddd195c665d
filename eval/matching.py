"""What became of each detection at one IoU threshold; every analysis starts from this."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Outcomes of a detection.
TRUE, FALSE, IGNORED, CUT = 1, 0, -1, -2


@dataclass(frozen=True, eq=False)
class Matches:
    """A protocol's verdict on each of N detections and M objects.

    Attributes
    ----------
    protocol
        Its name.
    iou_threshold
        At which matches were made.
    outcomes
        (N,) int8: TRUE, FALSE, IGNORED (neither: it met an ignored object, or nothing is judged
        there) or CUT (beyond the protocol's most detections per image, not judged).
    truths
        (N,) int32: row of the object that a TRUE or IGNORED detection took, otherwise -1.
    counted
        (M,) bool: objects that have to be found.
    """

    protocol: str
    iou_threshold: float
    outcomes: np.ndarray
    truths: np.ndarray
    counted: np.ndarray

    @property
    def found(self) -> np.ndarray:
        """(M,) bool: objects that a TRUE detection took."""
        found = np.zeros(len(self.counted), dtype=bool)
        found[self.truths[self.outcomes == TRUE]] = True
        return found
