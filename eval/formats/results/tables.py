"""What the readers of results share: images by any of their names, and the table they end in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from pathlib import PurePosixPath

import numpy as np

from eval.boxes import to_xywh
from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.formats.faults import Fault, Report

IDS, FILE_NAMES = "ids", "file names"
UNKNOWN, AMBIGUOUS, IS_ID, IS_FILE_NAME = -1, -2, -3, -4  # in place of an image's index
FAULTS = {
    UNKNOWN: ("is no image", "correct it"),
    AMBIGUOUS: ("fits several images", "correct it"),
    IS_ID: ("is an id", "write file names throughout"),
    IS_FILE_NAME: ("is a file name", "write ids throughout"),
}
LEFT_OUT = "were left out"  # in notes of detections of unknown classes


def rows_by_name(
    dataset: Dataset, names: Iterable[str], source: str, says: str = "", reason: str = ""
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Image index by name (below 0: one of FAULTS), and what to say of how names were read.

    All names of a result are ids, or all are file names (whole, the last part, or that without
    suffix): the way that more of them fit. Name by name, results on pictures 0.jpg, 1.jpg ... of
    ids 1, 2 ... would get to other images in silence.

    Parameters
    ----------
    says
        IDS or FILE_NAMES, if the format tells what the names are: that decides where as many fit
        either way; and where it tells FILE_NAMES, numbers are no ids.
    reason
        What tells it; without `says`, what to do about names that fit both ways.

    Raises
    ------
    EvaluationError
        As many fit either way, but mean other images, and nothing tells which.
    """
    by_file = _rows_by_file_name(dataset)
    by_id = every_id = _rows(str(image.id) for image in dataset.images)
    if says == FILE_NAMES:
        texts = {image.id for image in dataset.images if isinstance(image.id, str)}
        by_id = {name: row for name, row in every_id.items() if name in texts}
    different = dict.fromkeys(names)
    known = ({name for name, row in rows.items() if row >= 0} for rows in (by_file, by_id))
    in_file, in_id = (len(different.keys() & names) for names in known)
    way = FILE_NAMES if in_file > in_id else IDS if in_id > in_file else says
    notes: tuple[str, ...] = ()
    both = (n for n in different if by_file.get(n, UNKNOWN) >= 0 and n in by_id)
    twofold = next((name for name in both if by_file[name] != by_id[name]), None)
    if twofold is not None:
        owner, named = (_called(dataset, rows[twofold]) for rows in (by_id, by_file))
        example = f"{twofold!r:.60} is the id of {owner} and the name of {named}"
        if not way:
            raise EvaluationError(
                f"{source}: are its images ids or file names? {example}; {reason}"
            )
        why = f"as {reason}" if way == says else "which more of the names fit"
        notes = (f"images were read as {way}, {why}, though {example}",)
    if way == IDS:
        return dict.fromkeys(by_file, IS_FILE_NAME) | by_id, notes
    return dict.fromkeys(every_id, IS_ID) | by_file, notes


def _called(dataset: Dataset, row: int) -> str:
    return f"{dataset.images[row].file_name:.60}" if row >= 0 else "several images"


def _rows_by_file_name(dataset: Dataset) -> dict[str, int]:
    """The first of the ways to write a file name that knows a name decides."""
    paths = [PurePosixPath(image.file_name.replace("\\", "/")) for image in dataset.images]
    whole = _rows(image.file_name for image in dataset.images)
    return _rows(path.stem for path in paths) | _rows(path.name for path in paths) | whole


def _rows(names: Iterable[str]) -> dict[str, int]:
    rows: dict[str, int] = {}
    for row, name in enumerate(names):
        rows[name] = AMBIGUOUS if name in rows else row
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
    images = np.array([rows.get(name, UNKNOWN) for name in names], dtype=np.int64)
    for bad in np.flatnonzero(images < 0).tolist():
        why, remedy = FAULTS[int(images[bad])]
        last = PurePosixPath(names[bad].replace("\\", "/")).name
        if last != names[bad] and rows.get(last, UNKNOWN) >= 0:
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
    hint: str = "",
) -> DetectionTable:
    """Rows whose image is known, without those of unknown classes (label -1), which are noted.

    Parameters
    ----------
    images, labels
        (N,) indices; -1 where unknown.
    where, class_of
        A row's file and line, and its class as written.
    hint
        What may be wrong with unknown classes.

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
                f"({listed(dataset.class_names)}); use its names{meant}{hint}"
            )
        said.append(
            f"{unknown.sum()} detections of classes that the ground truth does not know "
            f"{LEFT_OUT}: {listed(which)}{meant}{hint}"
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
