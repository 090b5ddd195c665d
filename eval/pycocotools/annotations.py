"""The annotations of ground truth or results as arrays, from their dicts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from eval.errors import EvaluationError
from eval.pycocotools.masks.runs import Texts, texts_of


class Annotations(Protocol):
    """What an evaluation needs of N annotations."""

    def take(self, rows: np.ndarray) -> Annotations:
        """Those of some rows, in their order."""

    def owner(self, row: int) -> dict[str, Any]:
        """The `id` and `image_id` of a row, and perhaps more."""

    def ids(self) -> list[Any]: ...

    def numbers(self, key: str) -> np.ndarray:
        """One number of each annotation, (N,) float64."""

    def crowds(self) -> np.ndarray:
        """(N,) uint8: whether an annotation is a crowd; one that does not say is none."""

    def ignored(self) -> np.ndarray:
        """(N,) bool: whether an object is to be ignored."""

    def boxes(self) -> np.ndarray:
        """(N, 4) float64 boxes, xywh in pixels."""

    def masks(self, needed: np.ndarray) -> Texts:
        """The masks; those that are not needed (N,) stay empty."""


class Dicts:
    """Annotations as dicts."""

    def __init__(self, records: Sequence[dict[str, Any]]) -> None:
        self.records = records

    def take(self, rows: np.ndarray) -> Dicts:
        return Dicts([self.records[row] for row in rows.tolist()])

    def owner(self, row: int) -> dict[str, Any]:
        return self.records[row]

    def ids(self) -> list[Any]:
        return self._values("id")

    def numbers(self, key: str) -> np.ndarray:
        values = self._values(key)
        if not set(map(type, values)) <= {int, float}:  # the usual case
            for record, value in zip(self.records, values, strict=True):
                if value is None or isinstance(value, str):  # NumPy makes NaN and numbers of them
                    raise self._fault(record, f"{key!r} is {value!r:.40}", "a number")
        try:
            return np.array(values, dtype=np.float64).reshape(-1)
        except OverflowError:
            largest = max(range(len(values)), key=lambda row: abs(values[row]))
            what = f"{key!r} is {values[largest]!r:.40}"
            raise self._fault(self.records[largest], what, "a number below 1e308") from None

    def crowds(self) -> np.ndarray:
        return np.array([bool(int(one.get("iscrowd", 0))) for one in self.records], dtype=np.uint8)

    def ignored(self) -> np.ndarray:
        return np.array([bool(one["ignore"]) for one in self.records], dtype=bool)

    def boxes(self) -> np.ndarray:
        return np.array(self._values("bbox"), dtype=np.float64).reshape(-1, 4)

    def masks(self, needed: np.ndarray) -> Texts:
        return texts_of(self.records, needed)

    def _values(self, key: str) -> list[Any]:
        try:
            return [one[key] for one in self.records]
        except KeyError:
            owner = next(one for one in self.records if key not in one)
            raise self._fault(owner, f"no {key!r}", "it") from None

    @staticmethod
    def _fault(owner: dict[str, Any], what: str, expected: str) -> EvaluationError:
        return EvaluationError(
            f"annotation {owner.get('id')} of image {owner.get('image_id')}: {what}; the "
            f"evaluation needs {expected}"
        )
