"""The classes that the labels of predictions and targets stand for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eval.errors import EvaluationError


@dataclass(frozen=True)
class Classes:
    """The name of each label, in the order of the classes; None if every label is a class."""

    names: dict[int, str] | None

    @classmethod
    def of(cls, class_names: Sequence[str] | Mapping[int, str] | None, first_label: int) -> Classes:
        """Classes from names that are counted from first_label, or from names by label.

        Raises
        ------
        EvaluationError
            A name is no text or is repeated, a label is no whole number, or first_label is given
            without a list of names.
        """
        counted = not isinstance(class_names, Mapping) and class_names is not None
        if first_label and not counted:
            raise EvaluationError(
                f"first_label {first_label} applies only to a list of class_names; leave it out"
            )
        if class_names is None:
            return cls(None)
        if isinstance(class_names, Mapping):
            names = dict(class_names)
        elif isinstance(class_names, str) or not isinstance(class_names, Iterable):
            raise EvaluationError(f"class_names is {class_names!r:.60}; expected a list of texts")
        else:
            names = dict(enumerate(class_names, start=first_label))
        if not all(type(label) is int for label in names):
            raise EvaluationError("class_names: expected whole numbers as labels")
        if not names or not all(isinstance(name, str) for name in names.values()):
            raise EvaluationError("class_names: expected one or more texts")
        if repeated := next((n for n in names.values() if [*names.values()].count(n) > 1), None):
            raise EvaluationError(f"class_names: {repeated!r:.60} names two classes")
        return cls(names)

    def check(self, labels: np.ndarray, where: str) -> None:
        """Raise EvaluationError if one of the (N,) labels has no class."""
        if self.names is None:
            return
        unknown = ~np.isin(labels, list(self.names))
        if unknown.any():
            bad, low, high = int(np.argmax(unknown)), min(self.names), max(self.names)
            raise EvaluationError(
                f"{where}: labels[{bad}] is {labels[bad]}, but the labels of class_names are "
                f"{low} to {high}; if labels count from another number, set first_label"
            )

    def translated(
        self, labels: np.ndarray, own_names: Sequence[str], where: str
    ) -> tuple[np.ndarray, np.ndarray]:
        """Labels that index own_names, in terms of these classes.

        Returns
        -------
        (N,) int64 labels, and (N,) bool, whether the name is one of these classes.

        Raises
        ------
        EvaluationError
            These classes have no names, or none of own_names is among them.
        """
        if self.names is None:
            raise EvaluationError(
                f"{where}: these detections name their classes; pass class_names to "
                "MeanAveragePrecision"
            )
        label_of = {name: label for label, name in self.names.items()}
        known = np.array([name in label_of for name in own_names], dtype=bool)
        if not known.any():
            raise EvaluationError(
                f"{where}: none of its classes ({', '.join(own_names):.80}) is among class_names "
                f"({', '.join(label_of):.80})"
            )
        translation = np.array([label_of.get(name, 0) for name in own_names], dtype=np.int64)
        return translation[labels], known[labels]

    def indices(self, labels: np.ndarray) -> np.ndarray:
        """(N,) int64: the position of the class of each label."""
        known = np.array(list(self.names or ()), dtype=np.int64)
        order = np.argsort(known)
        return order[np.searchsorted(known, labels, sorter=order)]

    def or_all_of(self, labels: np.ndarray) -> Classes:
        """These classes; if every label is a class, those of the (N,) labels, in rising order."""
        if self.names is not None:
            return self
        return Classes({label: f"{label}" for label in np.unique(labels).tolist()})
