"""What the readers of results share: images by any of their names, and the table they end in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from pathlib import PurePosixPath

import numpy as np

from eval.boxes import to_xywh
from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.formats.faults import Fault, Report
from eval.records import EvaluationError

AMBIGUOUS = -1
LEFT_OUT = "were left out"  # in notes of detections of unknown classes


def rows_by_name(dataset: Dataset) -> dict[str, int]:
    """Image index by id (as text), file name, its last part, and that without suffix.

    The first of these ways that knows a name decides; AMBIGUOUS where it names two images.
    """
    paths = [PurePosixPath(image.file_name.replace("\\", "/")) for image in dataset.images]
    rows: dict[str, int] = {}
    for names in (
        [str(image.id) for image in dataset.images],
        [image.file_name for image in dataset.images],
        [path.name for path in paths],
        [path.stem for path in paths],
    ):
        found: dict[str, int] = {}
        for row, name in enumerate(names):
            found[name] = row if found.get(name, row) == row else AMBIGUOUS
        rows = found | rows
    return rows


def find_images(
    names: Sequence[str],
    rows: dict[str, int],
    lines: Sequence[int] | np.ndarray,
    source: str,
    report: Report,
    field: str = "image",
) -> np.ndarray:
    """(N,) int64 image index of each name; -1 where it is unknown, which is a fault."""
    images = np.array([rows.get(name, -2) for name in names], dtype=np.int64)
    for bad in np.flatnonzero(images < 0).tolist():
        why = "fits several images" if images[bad] == AMBIGUOUS else "is no image"
        last = PurePosixPath(names[bad].replace("\\", "/")).name
        remedy = "correct it"
        if last != names[bad] and rows.get(last, AMBIGUOUS) != AMBIGUOUS:
            remedy = f"without its folder, {last!r:.60}, it is"
        message = f"{field} {names[bad]!r:.60} {why} of the ground truth; {remedy}"
        report(Fault(f"{source}: line {lines[bad]}", field, message, "unknown image"))
    return np.maximum(images, -1)


def listed(names: Iterable[str]) -> str:
    """Names for a message: on one line, cut where there are many."""
    return " ".join(", ".join(names).split())[:160]


def _meant(unknown: Sequence[str], names: Sequence[str]) -> str:
    """The known names nearest to the first unknown ones."""
    pairs = [(name, get_close_matches(name, names, 1)) for name in unknown[:3]]
    meant = list(dict.fromkeys(repr(near[0]) for _, near in pairs if near))
    return f"; did you mean {', '.join(meant)}?" if meant else ""


def make_table(
    dataset: Dataset,
    images: np.ndarray,
    labels: np.ndarray,
    boxes: np.ndarray,
    scores: np.ndarray,
    *,
    layout: str,
    source: str,
    where: Callable[[int], str],
    class_of: Callable[[int], str],
    notes: Sequence[str] = (),
) -> DetectionTable:
    """Rows whose image is known, without those of unknown classes (label -1), which are noted.

    Parameters
    ----------
    images, labels
        (N,) indices; -1 where unknown.
    where, class_of
        A row's file and line, and its class as written.

    Raises
    ------
    EvaluationError
        No class at all is known.
    """
    unknown = labels < 0
    said = list(notes)
    if unknown.any():
        which = sorted({class_of(row) for row in np.flatnonzero(unknown).tolist()})
        meant = _meant(which, dataset.class_names)
        if unknown.all():
            raise EvaluationError(
                f"{source}: none of its classes ({listed(which)}) is one of the ground truth "
                f"({listed(dataset.class_names)}); use its names{meant}"
            )
        said.append(
            f"{unknown.sum()} detections of classes that the ground truth does not know "
            f"{LEFT_OUT}: {listed(which)}{meant}"
        )
    kept = np.flatnonzero(~unknown & (images >= 0))
    boxes = boxes[kept]
    corners = boxes if layout != "xywh" else to_xywh(boxes, layout)
    below = corners[:, 2:] < (corners[:, :2] if layout != "xywh" else 0)
    negative = below.any(axis=1)
    if negative.any():
        first = where(int(kept[np.argmax(negative)]))
        what = "have a negative side" if layout == "xywh" else "end before they begin (max < min)"
        said.append(f"{negative.sum()} boxes {what}; they are kept (first: {first})")
    return DetectionTable(
        images=images[kept].astype(np.int32),
        labels=labels[kept].astype(np.int32),
        boxes=np.ascontiguousarray(boxes),
        scores=np.ascontiguousarray(scores[kept]),
        layout=layout,
        source=source,
        notes=tuple(said),
        where=lambda row: where(int(kept[row])),
    )
