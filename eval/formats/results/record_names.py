"""Whether the names in the records of a file of results are those of its ids.

Compiled code reads names as hashes, so that whole files can be compared.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np

from eval.datasets import Dataset
from eval.formats.compiled.json_columns import Columns, hashes_of
from eval.formats.results.coco_records import contradiction
from eval.formats.results.image_names import names_of_files


def notes_on_names(columns: Columns, dataset: Dataset) -> tuple[str, ...] | None:
    """Notes on each file_name of another image and each category_name of another class.

    Names of files that are no image's contradict nothing. None if a class is spelled otherwise, so
    that the caller has to compare the names by all rules.
    """
    files, classes = columns.names.T
    images = [image.file_name for image in dataset.images]
    names = {label: row for row, label in enumerate(dataset.class_names)}
    others = _other_names(classes, columns.labels, dataset.class_names)
    by_hash = _by_hash(names) if len(others) else {}
    if not by_hash.keys() >= set(classes[others].tolist()):
        return None
    notes = []
    if len(others):
        fields = ("category_name", "category_id")
        called = dataset.class_names
        notes.append(_note(fields, classes[others], columns.labels, others, by_hash, called))
    others = _other_names(files, columns.images, images)
    if len(others):
        by_hash = _by_hash({n: row for n, row in names_of_files(dataset).items() if row >= 0})
        fields = ("file_name", "image_id")
        notes.append(_note(fields, files[others], columns.images, others, by_hash, images))
    return tuple(filter(None, notes))


def _other_names(hashes: np.ndarray, rows: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """The positions of hashes that are not 0 and not of the name of their row."""
    if not hashes.any():
        return np.empty(0, np.int64)
    own = np.append(hashes_of(names), 0)[rows]  # the last one is for unknown classes, row -1
    return np.flatnonzero((hashes != 0) & (hashes != own))


def _by_hash(rows: Mapping[str, int]) -> dict[int, tuple[str, int]]:
    """Each name and its row by its hashes as text and as JSON in ASCII."""
    known: dict[int, tuple[str, int]] = {}
    for forms in ([*rows], [json.dumps(name)[1:-1] for name in rows]):
        known |= dict(zip(hashes_of(forms).tolist(), rows.items(), strict=True))
    return known


def _note(
    fields: tuple[str, str],
    hashes: np.ndarray,
    by_id: np.ndarray,
    positions: np.ndarray,
    by_hash: Mapping[int, tuple[str, int]],
    called: Sequence[str],
) -> str:
    """The note on the records at `positions` whose name is known and not that of their id."""
    own = by_id[positions]
    known, inverse = np.unique(hashes, return_inverse=True)
    rows = np.array([by_hash.get(value, ("", -1))[1] for value in known.tolist()])[inverse]
    wrong = np.flatnonzero((rows >= 0) & (own >= 0) & (rows != own))
    if not len(wrong):
        return ""
    first = wrong[0]
    name = by_hash[int(hashes[first])][0]
    return contradiction(fields, (len(wrong), len(by_id)), name, called[own[first]])
