"""Proposals, the result of every proposal method, and the error the methods raise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


class ProposalError(ValueError):
    """An error the caller can correct: the message names what is wrong, where, and the remedy."""


@dataclass(frozen=True, repr=False)
class Proposals:
    """Boxes that may hold an object, best first.

    Attributes
    ----------
    boxes_xyxy
        (N, 4) float32, ``[x1, y1, x2, y2]`` in pixels of the original image, continuous.
    scores
        (N,) float32, higher is better. Selective search yields only an order, so its scores
        fall evenly with the rank, from 1 to 1/N.
    source
        (N,) str, the method that proposed each box, e.g. ``"selective_search"``.

    Raises
    ------
    ProposalError
        A shape or dtype is not as above.
    """

    boxes_xyxy: NDArray[np.float32]
    scores: NDArray[np.float32]
    source: NDArray[np.str_]

    def __post_init__(self) -> None:
        """Check every array against the documented shape and dtype."""
        boxes = _require_array("boxes_xyxy", self.boxes_xyxy)
        if boxes.ndim != 2 or boxes.shape[1] != 4 or boxes.dtype != np.float32:
            raise ProposalError(
                f"Proposals.boxes_xyxy: expected (N, 4) float32, got {_describe(boxes)}; "
                "convert with np.asarray(boxes, np.float32).reshape(-1, 4)"
            )
        count = len(boxes)
        scores = _require_array("scores", self.scores)
        if scores.shape != (count,) or scores.dtype != np.float32:
            raise ProposalError(
                f"Proposals.scores: expected ({count},) float32, one per box, "
                f"got {_describe(scores)}"
            )
        source = _require_array("source", self.source)
        if source.shape != (count,) or source.dtype.kind != "U":
            raise ProposalError(
                f"Proposals.source: expected ({count},) str, one per box, got {_describe(source)}; "
                'build it with np.full(len(boxes), "name of the method")'
            )

    def __len__(self) -> int:
        """Return the number of boxes."""
        return len(self.boxes_xyxy)

    def __repr__(self) -> str:
        """Count the boxes by their method, on one line."""
        methods, counts = np.unique(self.source, return_counts=True)
        boxes = f"{len(self)} proposal{'' if len(self) == 1 else 's'}"
        parts = [f"{count} {name}" for name, count in zip(methods, counts, strict=True)]
        return f"{boxes}: {', '.join(parts)}" if parts else boxes

    def __getitem__(self, index: slice | Sequence[Any] | NDArray[Any]) -> Proposals:
        """Take a subset: a slice, an array of indices or a boolean mask.

        Raises
        ------
        TypeError
            The index is a single number, which would not yield a collection.
        IndexError
            An index is outside 0..N-1, or a mask has another length.
        """
        if not isinstance(index, slice):
            array = np.asarray(index)
            if array.ndim != 1:
                raise TypeError(
                    "Proposals are indexed by a slice, a 1-D index array or a mask, "
                    f"got {index!r}; for box i alone use proposals[i : i + 1]"
                )
            # An empty Python list becomes float64, which numpy does not accept as an index.
            index = array if array.size else array.astype(bool if array.dtype == bool else np.intp)
        return Proposals(self.boxes_xyxy[index], self.scores[index], self.source[index])


def _require_array(name: str, value: object) -> NDArray[Any]:
    if not isinstance(value, np.ndarray):
        raise ProposalError(
            f"Proposals.{name}: expected a numpy array, got {type(value).__name__}; "
            "convert with np.asarray"
        )
    return value


def _describe(array: NDArray[Any]) -> str:
    return f"{array.shape} {array.dtype}"
