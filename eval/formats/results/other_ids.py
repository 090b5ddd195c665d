"""Images that results name in another way than by the ids of the ground truth."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from eval.datasets import Dataset, Identity
from eval.formats.results.image_names import names_of_files


def rows_of_other_ids(
    ids: Sequence[Identity],
    records: Sequence[Mapping[str, Any]],
    dataset: Dataset,
    *,
    skip: bool = False,
) -> tuple[dict[Identity, int], str] | None:
    """The image index of each id, and a note, if all ids name images in one other way.

    The ways, of which the first that fits every record counts: the same id as text or number; the
    field `file_name` of the records; a file name, with or without folders or suffix; the number
    that a file name consists of, without its zeros (1 for 000001.jpg). None if no way fits, or if
    the ids are those of the ground truth.

    Parameters
    ----------
    skip
        Whether it is enough that a way fits more ids than the ids of the ground truth do.
    """
    different = dict.fromkeys(ids)
    known = dataset.image_index_by_id
    if not different or different.keys() <= known.keys():
        return None
    if different.keys() & known.keys() and str in map(type, different):
        return None  # some texts are right, and the others are mistakes
    by_file = names_of_files(dataset)
    texts = {str(identity): row for identity, row in known.items()}
    ways = {
        "as text where one of both has numbers": {i: texts.get(str(i), -1) for i in different},
        "by the field file_name": _by_own_names(ids, records, by_file),
        "as names of files": {
            i: by_file.get(i, -1) if isinstance(i, str) else -1 for i in different
        },
        "as the numbers in names of files": _by_numbers(different, by_file),
    }
    fitting = {
        words: {identity: row for identity, row in rows.items() if row >= 0}
        for words, rows in ways.items()
    }
    needed = len(different.keys() & known.keys()) + 1 if skip else len(different)
    valid = [
        words
        for words, rows in fitting.items()
        if len(rows) >= needed and len(set(rows.values())) == len(rows)
    ]
    if not valid:
        return None
    words = max(valid, key=lambda words: len(fitting[words]))
    rows = fitting[words]
    example = next(iter(rows))
    name = dataset.images[rows[example]].file_name
    return rows, (
        f"image ids that are not those of the ground truth were read {words}: "
        f"{example!r:.60} is the image {name:.60}"
    )


def _by_own_names(
    ids: Sequence[Identity], records: Sequence[Mapping[str, Any]], by_file: Mapping[str, int]
) -> dict[Identity, int]:
    """The image of each id by the field file_name; {} unless each id has one name."""
    rows: dict[Identity, int] = {}
    for identity, record in zip(ids, records, strict=True):
        name = record.get("file_name")
        row = by_file.get(name, -1) if isinstance(name, str) else -1
        if rows.setdefault(identity, row) != row:
            return {}
    return rows


def _by_numbers(
    different: Mapping[Identity, None], by_file: Mapping[str, int]
) -> dict[Identity, int]:
    """The image of each number that is a whole file name without suffix, apart from zeros."""
    rows: dict[int, set[int]] = {}
    for name, row in by_file.items():
        if re.fullmatch(r"[0-9]{1,18}", name):
            rows.setdefault(int(name), set()).add(row)
    found = {}
    for identity in different:
        fitting = rows.get(identity, set()) if isinstance(identity, int) else set()
        found[identity] = min(fitting) if len(fitting) == 1 else -1
    return found
