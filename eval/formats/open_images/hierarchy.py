"""The class hierarchy of Open Images, by which the ground truth is expanded before evaluation.

A box of a class is also one of each class above it. A label that is present implies those above it,
and one that is absent implies that all below it are absent. Reference:
research/object_detection/dataset_tools/oid_hierarchical_labels_expansion.py of
github.com/tensorflow/models. The root, which no box has, is not a class.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from eval.errors import EvaluationError
from eval.formats.json_files import read_json
from eval.formats.open_images.tables import BoxTable

SAMPLE = 100  # boxes that show whether a table is expanded already


def read_hierarchy(path: Path) -> dict[str, set[str]]:
    """The LabelNames above each LabelName; parts of objects ("Part") are not classes below.

    Raises
    ------
    EvaluationError
        The file has another structure.
    """
    above: dict[str, set[str]] = {}
    root = _checked(read_json(path), path)
    waiting = [(node, frozenset[str]()) for node in root.get("Subcategory", ())]
    while waiting:
        node, higher = waiting.pop()
        label = _checked(node, path)["LabelName"]
        above.setdefault(label, set()).update(higher - {label})
        waiting += [(below, higher | {label}) for below in node.get("Subcategory", ())]
    return above


def expanded(table: BoxTable, above: dict[str, set[str]]) -> BoxTable:
    """The boxes, followed by a copy for each class above; unchanged if these are there already."""
    if not _lacks_copies(table, above):
        return table
    pairs = [
        (row, higher)
        for row, label in enumerate(table.labels)
        for higher in sorted(above.get(label, ()))
    ]
    rows = np.array([row for row, _ in pairs], dtype=np.int64)
    return table._replace(
        images=table.images + [table.images[row] for row in rows],
        labels=table.labels + [higher for _, higher in pairs],
        boxes=np.concatenate([table.boxes, table.boxes[rows]]),
        group=np.concatenate([table.group, table.group[rows]]),
    )


def expanded_labels(
    labels: Iterable[tuple[str, str, bool]], above: dict[str, set[str]]
) -> set[tuple[str, str]]:
    """Pairs of image and LabelName that are verified, from labels with their presence."""
    below: dict[str, set[str]] = {}
    for label, higher in above.items():
        for one in higher:
            below.setdefault(one, set()).add(label)
    verified = set()
    for image, label, present in labels:
        verified.add((image, label))
        implied = (above if present else below).get(label, ())
        verified.update((image, other) for other in implied)
    return verified


def _lacks_copies(table: BoxTable, above: dict[str, set[str]]) -> bool:
    """Whether one of the first boxes has no copy for a class above it."""
    sample = [row for row, label in enumerate(table.labels) if above.get(label)][:SAMPLE]
    images = {table.images[row] for row in sample}
    there = {
        (image, table.labels[row], *table.boxes[row].tolist())
        for row, image in enumerate(table.images)
        if image in images
    }
    return any(
        (table.images[row], higher, *table.boxes[row].tolist()) not in there
        for row in sample
        for higher in above[table.labels[row]]
    )


def _checked(node: Any, path: Path) -> dict[str, Any]:
    """The node of a tree."""
    below = node.get("Subcategory", []) if isinstance(node, dict) else None
    if not isinstance(below, list) or not isinstance(node.get("LabelName"), str):
        raise EvaluationError(
            f"{path.name}: not a class hierarchy of Open Images: expected objects with 'LabelName' "
            "and a list 'Subcategory'; download it again"
        )
    checked: dict[str, Any] = node
    return checked
