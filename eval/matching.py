"""The outcome of each detection at one IoU threshold, from which every analysis starts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# The outcome of a detection.
TRUE, FALSE, IGNORED, CUT = 1, 0, -1, -2


@dataclass(frozen=True, eq=False)
class Matches:
    """How a protocol matched N detections to M objects.

    Attributes
    ----------
    protocol
        Name of the protocol.
    iou_threshold
        The IoU threshold of the matching.
    outcomes
        (N,) int8: TRUE, FALSE, IGNORED (neither of them: the detection matched an ignored object
        or lies on an excluded or unverified image and class) or CUT (not matched, because it
        exceeds the protocol's limit of detections per image).
    truths
        (N,) int32: row of the object that a TRUE or IGNORED detection matched, otherwise -1.
    counted
        (M,) bool: objects that count, that is, are missed unless a TRUE detection matches them.
    groups
        (M,) bool: objects that count but stand for several, which a box inside them finds (Open
        Images); None if there are none.
    """

    protocol: str
    iou_threshold: float
    outcomes: np.ndarray
    truths: np.ndarray
    counted: np.ndarray
    groups: np.ndarray | None = None

    @property
    def singles(self) -> np.ndarray:
        """(M,) bool: objects that count and are no groups."""
        return self.counted if self.groups is None else self.counted & ~self.groups

    @property
    def excluded(self) -> np.ndarray:
        """(N,) bool: detections that the protocol ignored although they matched nothing."""
        alone: np.ndarray = (self.outcomes == IGNORED) & (self.truths < 0)
        return alone

    @property
    def evaluated(self) -> np.ndarray:
        """(N,) bool: detections that are TRUE or FALSE."""
        either: np.ndarray = (self.outcomes == TRUE) | (self.outcomes == FALSE)
        return either

    @property
    def found(self) -> np.ndarray:
        """(M,) bool: objects that a TRUE detection matched."""
        found = np.zeros(len(self.counted), dtype=bool)
        found[self.truths[self.outcomes == TRUE]] = True
        return found
