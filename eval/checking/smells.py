"""Warnings on boxes, scores, names and ids that can be read but are probably mistakes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from eval.datasets import Identity
from eval.notes.suspicions import (
    CORNERED,
    FAR,
    MANY_FAR,
    another_format,
    tie_note,
    ties_within,
)
from eval.wording import amount

ERROR, WARNING, NOTE = "error", "warning", "note"
EXACT = 2**53  # larger ids are rounded by programs that store them as floating point numbers
COCO_DETECTIONS = 100  # per class and image; the COCO protocol ignores any further ones
# A box is slightly outside its image by at most this many pixels, or percent of the longer side.
SLIGHTLY = 2
ROUNDED = 0.005  # pixels; YOLO's fractions of six digits can move an edge this far outside


class Finding(NamedTuple):
    """One finding of the linter.

    Attributes
    ----------
    severity
        "error" (the file cannot be evaluated), "warning" or "note".
    kind
        A short name for findings of this sort, for grouping.
    where
        The file, and the record, object or line in it.
    field
        The faulty field; "" if the whole record or file is faulty.
    message
        What is wrong, and the remedy.
    records
        The number of records concerned.
    """

    severity: str
    kind: str
    where: str
    field: str
    message: str
    records: int = 1

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


@dataclass(frozen=True, eq=False)
class Boxes:
    """N boxes without errors.

    Attributes
    ----------
    xyxy
        (N, 4) float64, 0-based continuous corners, pixels.
    images, labels
        (N,) indices.
    limits
        (N, 2) float64, width and height of the image of each box; NaN where unknown.
    where
        Describes the place of a box in its file.
    field
        The name of the field in the file.
    sides
        Whether the file gives width and height, so that corners may be meant instead.
    scores
        (N,) float64 for detections; None for objects.
    """

    xyxy: np.ndarray
    images: np.ndarray
    labels: np.ndarray
    limits: np.ndarray
    where: Callable[[int], str]
    field: str = "bbox"
    sides: bool = True
    scores: np.ndarray | None = None


def box_smells(boxes: Boxes, source: str) -> Iterator[Finding]:
    """Warn of a wrong format; otherwise of each empty, negative, outside or repeated box."""
    if not len(boxes.xyxy):
        return
    ends, starts, count = boxes.xyxy[:, 2:], boxes.xyxy[:, :2], len(boxes.xyxy)
    large = not (boxes.limits <= 10).all()
    if ends.max() <= 2 and large:
        message = (
            "every box ends within 2 pixels of the top left corner; expected pixels, not fractions"
        )
        yield Finding(WARNING, "boxes in fractions", source, boxes.field, message, count)
        return
    beyond = (ends > FAR * boxes.limits).any(axis=1).mean()
    sides = ends - starts
    if beyond > MANY_FAR:
        written = sides if boxes.sides else ends  # the last two numbers, read as corners
        fit = (written >= starts) & ~(written > CORNERED * boxes.limits)
        message = another_format(beyond, fit.all(axis=1).mean(), boxes.sides)
        yield Finding(WARNING, "boxes in another format", source, boxes.field, message, count)
        return
    known = ~np.isnan(boxes.limits).any(axis=1)
    over = np.where(known, np.maximum(-starts, ends - boxes.limits).max(axis=1), 0)
    slack = np.maximum(SLIGHTLY, SLIGHTLY / 100 * boxes.limits.max(axis=1))
    slight = (over > ROUNDED) & (over <= slack)
    sorts = (
        ("box with a negative side", (sides < 0).any(axis=1), "a side is below 0"),
        ("empty box", (sides == 0).any(axis=1), "a side is 0: almost nothing can match it"),
        ("box outside its image", (over > slack), "it reaches outside its image"),
        ("box slightly outside its image", slight, "it reaches outside its image"),
    )
    for kind, rows, what in sorts:
        for row in np.flatnonzero(rows).tolist():
            shown = " ".join(f"{value:g}" for value in boxes.xyxy[row])
            limit = "x".join(f"{value:g}" for value in boxes.limits[row])
            message = f"{what} (corners {shown}{f'; image {limit}' if known[row] else ''})"
            yield Finding(WARNING, kind, boxes.where(row), boxes.field, message)
    yield from _repeated(boxes)


def _repeated(boxes: Boxes) -> Iterator[Finding]:
    """Warn of repeated boxes: same image, class and, for detections, score."""
    columns = [boxes.images, boxes.labels, *boxes.xyxy.T]
    columns += [] if boxes.scores is None else [boxes.scores]
    order = np.lexsort(columns)
    same = np.ones(max(0, len(order) - 1), bool)
    for column in columns:
        same &= column[order[1:]] == column[order[:-1]]
    for row, first in sorted(zip(order[1:][same].tolist(), order[:-1][same].tolist(), strict=True)):
        message = f"the same as {boxes.where(first)}; remove one of them"
        yield Finding(WARNING, "the same box twice", boxes.where(row), boxes.field, message)


def score_smells(boxes: Boxes, source: str) -> Iterator[Finding]:
    """Warn of scores outside 0..1, of equal scores, and of more boxes than COCO evaluates."""
    scores = boxes.scores
    if scores is None or not len(scores):
        return
    outside = (scores < 0) | (scores > 1)
    if outside.any():
        row = int(np.argmax(outside))
        message = (
            f"{amount(int(outside.sum()), 'score is', 'scores are')} outside 0 to 1 (here "
            f"{scores[row]:g}): AP depends only on their order, but thresholds and calibration are "
            "misleading"
        )
        yield Finding(
            WARNING, "scores outside 0 to 1", boxes.where(row), "score", message, int(outside.sum())
        )
    if len(scores) > 1 and scores.min() == scores.max():
        message = f"all scores are {scores[0]:g}: AP depends only on the order in the file"
        yield Finding(WARNING, "all scores equal", source, "score", message, len(scores))
    else:
        ties = ties_within(boxes.labels, scores, int(boxes.labels.max()) + 1)
        for message in tie_note(ties, len(scores)):
            yield Finding(WARNING, "tied scores", source, "score", message, ties)
    per_image = np.bincount(boxes.images)
    full = np.flatnonzero(per_image > COCO_DETECTIONS)
    if len(full):
        row = int(np.argmax(boxes.images == full[0]))
        message = (
            f"{amount(len(full), 'image has', 'images have')} more than {COCO_DETECTIONS} "
            f"detections (this one {per_image[full[0]]}); COCO evaluates only the best "
            f"{COCO_DETECTIONS} per class and image"
        )
        yield Finding(WARNING, "many detections per image", boxes.where(row), "image_id", message)


def id_smells(
    ids: Sequence[Identity], where: Callable[[int], str], field: str = "id"
) -> Iterator[Finding]:
    """Warn of ids that other programs confuse: numbers above 2^53, or both 11 and "11"."""
    texts = {identity for identity in ids if isinstance(identity, str)}
    for row, identity in enumerate(ids):
        if isinstance(identity, int) and abs(identity) > EXACT:
            message = f"{field} {identity} is above 2^53; programs that use floats round it"
            yield Finding(WARNING, "id above 2^53", where(row), field, message)
        if texts and isinstance(identity, int) and str(identity) in texts:
            message = f"{field} {identity} exists as a number and as text; these are different ids"
            yield Finding(WARNING, "id as number and as text", where(row), field, message)


def name_smells(names: Sequence[str], where: Callable[[int], str], field: str) -> Iterator[Finding]:
    """Warn of names that are repeated, or that differ only in case or outer blanks."""
    first: dict[str, int] = {}
    for row, name in enumerate(names):
        known = first.setdefault(name.strip().casefold(), row)
        if known != row and names[known] == name:
            message = f"{field} {name!r:.60} is also used by {where(known)}"
            yield Finding(WARNING, f"{field} used twice", where(row), field, message)
        elif known != row:
            message = (
                f"{field} {name!r:.60} differs from {names[known]!r:.60} only in case or blanks"
            )
            yield Finding(WARNING, f"{field} nearly the same", where(row), field, message)


def unused_classes(
    names: Sequence[str], used: set[int], where: Callable[[int], str], what: str
) -> Iterator[Finding]:
    """Warn of classes without objects or detections."""
    for label, name in enumerate(names):
        if label not in used:
            message = f"class {name!r:.60} has no {what}"
            yield Finding(WARNING, f"class without {what}", where(label), "", message)


def missing_files(
    names: Sequence[str], folders: Sequence[Path], where: Callable[[int], str]
) -> Iterator[Finding]:
    """Warn of images without a file, if a folder contains the files of others."""
    for folder in folders:
        there = [os.path.isfile(folder / name) for name in names]
        if any(there):
            for row in [row for row, exists in enumerate(there) if not exists]:
                message = f"no file {names[row]!r:.80} in {folder.name}/, where the others are"
                yield Finding(WARNING, "image without its file", where(row), "file_name", message)
            return
