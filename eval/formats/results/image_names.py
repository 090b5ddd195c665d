"""The images that results name: by id or by file name, all in the same way."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

import numpy as np

from eval.datasets import Dataset, Identity
from eval.errors import EvaluationError
from eval.formats.faults import Fault, FaultHandler
from eval.records import LEAVES_OUT

IDS, FILE_NAMES = "ids", "file names"
UNKNOWN, AMBIGUOUS, IS_ID, IS_FILE_NAME = -1, -2, -3, -4  # in place of an image index
NO_SUCH_NAME = "no image there has its file name"
FAULTS = {
    UNKNOWN: ("is no image", f"correct it; {LEAVES_OUT}", "unknown image"),
    AMBIGUOUS: ("fits several images", "correct it", "ambiguous image"),
    IS_ID: ("is an id", "write file names throughout", "id among file names"),
    IS_FILE_NAME: ("is a file name", "write ids throughout", "file name among ids"),
}


def rows_by_name(
    dataset: Dataset, names: Iterable[str], source: str, declared: str = "", reason: str = ""
) -> tuple[dict[str, int], tuple[str, ...]]:
    """The image index of each name (or one of FAULTS, below 0), and a note on how names were read.

    The names are read either all as ids or all as file names (with folders, without folders, or
    also without suffix), whichever more of them fit. If each name were read on its own, results on
    images 0.jpg, 1.jpg, ... with the ids 1, 2, ... could silently be assigned to wrong images.

    Parameters
    ----------
    declared
        IDS or FILE_NAMES if the format declares the kind of its names. It decides if equally many
        names fit either way; and if FILE_NAMES are declared, numbers are not read as ids.
    reason
        How the format declares it; without `declared`, the remedy for names that fit both ways.

    Raises
    ------
    EvaluationError
        Equally many names fit either way, they mean different images, and nothing is declared.
    """
    different = dict.fromkeys(names)
    by_file = _rows_in_other_folders(dataset, [*different]) | names_of_files(dataset)
    by_id = every_id = _rows(str(image.id) for image in dataset.images)
    if declared == FILE_NAMES:
        texts = {image.id for image in dataset.images if isinstance(image.id, str)}
        by_id = {name: row for name, row in every_id.items() if name in texts}
    known = ({name for name, row in rows.items() if row >= 0} for rows in (by_file, by_id))
    in_file, in_id = (len(different.keys() & names) for names in known)
    way = FILE_NAMES if in_file > in_id else IDS if in_id > in_file else declared
    notes: tuple[str, ...] = ()
    both = (n for n in different if by_file.get(n, UNKNOWN) >= 0 and n in by_id)
    ambiguous = next((name for name in both if by_file[name] != by_id[name]), None)
    if ambiguous is not None:
        owner, named = (_called(dataset, rows[ambiguous]) for rows in (by_id, by_file))
        example = f"{ambiguous!r:.60} is the id of {owner} and the name of {named}"
        if not way:
            raise EvaluationError(
                f"{source}: are images named by id or by file name? {example}; {reason}"
            )
        why = f"because {reason}" if way == declared else "which more of the names fit"
        notes = (f"names of images were read as {way}, {why}, although {example}",)
    if way == IDS:
        return dict.fromkeys(by_file, IS_FILE_NAME) | by_id, notes
    return dict.fromkeys(every_id, IS_ID) | by_file, notes


def _called(dataset: Dataset, row: int) -> str:
    return f"{dataset.images[row].file_name:.60}" if row >= 0 else "several images"


def names_of_files(dataset: Dataset) -> dict[str, int]:
    """Image index by file name: with folders, else without, else also without suffix."""
    paths = [PurePosixPath(image.file_name.replace("\\", "/")) for image in dataset.images]
    whole = _rows(image.file_name for image in dataset.images)
    return _rows(path.stem for path in paths) | _rows(path.name for path in paths) | whole


def _rows(names: Iterable[str]) -> dict[str, int]:
    rows: dict[str, int] = {}
    for row, name in enumerate(names):
        rows[name] = AMBIGUOUS if name in rows else row
    return rows


def _rows_in_other_folders(dataset: Dataset, names: Sequence[str]) -> dict[str, int]:
    """Image index of names with folders that differ from those in the data set."""
    rows, _ = rows_of_own_ids(names, names, dataset)
    return {str(name): row for name, row in rows.items() if {"/", "\\"} & set(str(name))}


def find_images(
    names: Sequence[str],
    rows: dict[str, int],
    lines: Sequence[int] | np.ndarray,
    source: str,
    on_fault: FaultHandler,
    field: str = "image",
    records: int = 1,
) -> np.ndarray:
    """(N,) int64: the image index of each name; an unknown name is a fault and gives -1.

    Each name stands for `records` detections.
    """
    images = np.array([rows.get(name, UNKNOWN) for name in names], dtype=np.int64)
    for bad in np.flatnonzero(images < 0).tolist():
        why, remedy, kind = FAULTS[int(images[bad])]
        last = PurePosixPath(names[bad].replace("\\", "/")).name
        if last != names[bad] and rows.get(last, UNKNOWN) >= 0:
            remedy = f"{last!r:.60}, without the folder, is one"
        message = f"{field} {names[bad]!r:.60} {why} of the ground truth; {remedy}"
        where = f"{source}: line {lines[bad]}"
        on_fault(Fault(where, field, message, kind, names[bad], records))
    return np.maximum(images, -1)


def rows_of_own_ids(
    ids: Sequence[Identity], names: Sequence[str], dataset: Dataset
) -> tuple[dict[Identity, int], dict[Identity, str]]:
    """The image index of each id by its file name; and why the other ids have none.

    A file name that is not in the data set stands for the image with which it shares the longest
    end: x/a/1.jpg for a/1.jpg rather than b/1.jpg.
    """
    exact = {image.file_name: row for row, image in enumerate(dataset.images)}
    by_end: dict[str, int] = {}
    for row, image in enumerate(dataset.images):
        for end in _ends(image.file_name):
            # -1 marks an end that several images share and that therefore identifies none.
            by_end[end] = -1 if end in by_end else row
    fitting = [_row_of(name, exact, by_end) for name in names]
    # If several names fit one image, only its exact name counts.
    claims = Counter(fitting)
    rows: dict[Identity, int] = {}
    reasons: dict[Identity, str] = {}
    for identity, name, fit in zip(ids, names, fitting, strict=True):
        if fit is None:
            reasons[identity] = f"{NO_SUCH_NAME} {name!r:.60}; {LEAVES_OUT}"
        elif fit < 0:
            reasons[identity] = f"its file name {name!r:.60} fits several images there"
        elif claims[fit] > 1 and name not in exact:
            reasons[identity] = (
                f"its file name {name!r:.60} fits an image there that another name also fits"
            )
        else:
            rows[identity] = fit
    return rows, reasons


def _row_of(name: str, exact: dict[str, int], by_end: dict[str, int]) -> int | None:
    if name in exact:
        return exact[name]
    return next((by_end[end] for end in _ends(name) if end in by_end), None)


def _ends(name: str) -> list[str]:
    """The file name, then without its first folder, and so on up to its last part."""
    parts = composed(name.replace("\\", "/")).split("/")
    return ["/".join(parts[start:]) for start in range(len(parts))]


def composed(name: str) -> str:
    """Unicode NFC; operating systems encode accents in file names in two ways."""
    return unicodedata.normalize("NFC", name)
