"""The image and the class of each record of COCO results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from eval.datasets import Dataset
from eval.formats.results.class_names import labels_by_name
from eval.formats.results.coco_ids import CLASS_NAMES, Ids, ids_by_name
from eval.formats.results.image_names import NO_SUCH_NAME, names_of_files
from eval.formats.results.other_ids import rows_of_other_ids
from eval.formats.unlisted import left_out
from eval.records import Record, identities, index_of, systematic_mistake
from eval.wording import amount


class Repeats(NamedTuple):
    """For which records of a file others stand: the position of the first, and how many."""

    first: Sequence[int]
    counts: Sequence[int]

    @classmethod
    def none(cls, records: Sequence[Record]) -> Repeats:
        """Each record stands for itself."""
        return cls(range(len(records)), [1] * len(records))


def images_of_records(
    records: Sequence[Record],
    where: str,
    ids: Ids,
    dataset: Dataset,
    *,
    skip: bool = False,
    repeats: Repeats | None = None,
) -> tuple[np.ndarray, str]:
    """(N,) int64 image indices, and a note on how the ids were read or which were left out.

    Parameters
    ----------
    skip
        Whether detections on images that are not listed get -1, if others are on listed ones.
    repeats
        For which records of the file these stand.

    Raises
    ------
    EvaluationError
        An image is not listed.
    """
    repeats = repeats or Repeats.none(records)
    image_ids = identities(records, "image_id", where)
    others = None if ids.own_images else rows_of_other_ids(image_ids, records, dataset, skip=skip)
    rows, found = others or (ids.images, "")
    unknown = {i: None for i in image_ids if i not in rows} if skip else {}
    absent = [i for i in unknown if ids.reasons.get(i, NO_SUCH_NAME).startswith(NO_SUCH_NAME)]
    if absent and len(absent) < len(dict.fromkeys(image_ids)):
        left = set(absent)
        positions = [p for p, identity in enumerate(image_ids) if identity in left]
        count = sum(repeats.counts[position] for position in positions)
        first = f"{where}[{repeats.first[positions[0]]}]"
        note = left_out("detection", "image", count, absent, first)
        found = f"{found}; {note}" if found else note
        rows = dict.fromkeys(absent, -1) | rows
    names = None if ids.own_images else ids_by_name(dataset)
    images = index_of(image_ids, rows, where, "image_id", names, ids.reasons)
    return images, found or image_contradictions(images.tolist(), records, dataset, repeats)


def labels_of_records(
    records: Sequence[Record],
    where: str,
    ids: Ids,
    dataset: Dataset,
    repeats: Repeats | None = None,
) -> tuple[np.ndarray, str, str]:
    """(N,) int32 labels, -1 where unknown; a note on how they were read; and what may be wrong.

    Classes are read by name if the records have names but no ids, or ids of which none is known.

    Raises
    ------
    EvaluationError
        A record has neither.
    """
    names, field = class_names_of(records)
    if field and not any("category_id" in record for record in records):
        by_name, notes = labels_by_name(names, dataset.class_names)
        note = "; ".join((f"classes were read by the field {field!r}", *notes))
        return np.array([by_name[name] for name in names], np.int32), note, ""
    category_ids = identities(records, "category_id", where)
    labels = np.array([ids.labels.get(identity, -1) for identity in category_ids], np.int32)
    texts = [str(i) for i in category_ids] if all(isinstance(i, str) for i in category_ids) else []
    written = texts or (names if field else [])
    if len(labels) and (labels < 0).all() and written and not ids.own_labels:
        by_name, notes = labels_by_name(written, dataset.class_names)
        if any(label >= 0 for label in by_name.values()):
            note = f"classes were read by the field {'category_id' if texts else field!r}, as names"
            found = np.array([by_name[name] for name in written], np.int32)
            return found, "; ".join((note, *notes)), ""
    hint = ""
    if (labels < 0).any():
        first = category_ids[int(np.argmin(labels))]
        mistake = systematic_mistake(first, ids.labels, category_ids)
        hint = f"; {mistake}" if mistake else ""
    repeats = repeats or Repeats.none(records)
    return labels, class_contradictions(labels.tolist(), records, dataset, repeats), hint


def class_names_of(records: Sequence[Record]) -> tuple[list[str], str]:
    """The name of each record's class and the field with it; [] and "" unless all have a name."""
    for field in CLASS_NAMES:
        values = [record.get(field) for record in records]
        if values and all(isinstance(value, str) for value in values):
            return [str(value) for value in values], field
    return [], ""


def image_contradictions(
    images: Sequence[int], records: Sequence[Record], dataset: Dataset, repeats: Repeats
) -> str:
    """The note on records whose file_name is another image than their image_id, or "".

    `images` are the image indices by id.
    """
    names = [record.get("file_name") for record in records]
    if not any(names):
        return ""
    by_file = names_of_files(dataset)
    rows = [by_file.get(name, -1) if isinstance(name, str) else -1 for name in names]
    called = [image.file_name for image in dataset.images]
    return _contradiction(("file_name", "image_id"), names, (rows, images), called, repeats.counts)


def class_contradictions(
    labels: Sequence[int], records: Sequence[Record], dataset: Dataset, repeats: Repeats
) -> str:
    """The note on records whose class is called otherwise than the class of their id, or ""."""
    names = [record.get("category_name") for record in records]
    if not any(names):
        return ""
    texts = [name for name in names if isinstance(name, str)]
    by_name, _ = labels_by_name(texts, dataset.class_names)
    found = [by_name.get(name, -1) if isinstance(name, str) else -1 for name in names]
    fields = ("category_name", "category_id")
    return _contradiction(fields, names, (found, labels), dataset.class_names, repeats.counts)


def _contradiction(
    fields: tuple[str, str],
    names: Sequence[Any],
    rows: tuple[Sequence[int], Sequence[int]],
    called: Sequence[str],
    counts: Sequence[int],
) -> str:
    """The note where the rows by name are not those by id; -1, unknown, contradicts nothing."""
    by_name, by_id = rows
    pairs = zip(by_name, by_id, strict=True)
    wrong = [i for i, (named, own) in enumerate(pairs) if named >= 0 <= own and named != own]
    if not wrong:
        return ""
    (field, identity), first = fields, wrong[0]
    count = sum(counts[row] for row in wrong)
    return (
        f"{field} contradicts {identity} in {count} of {amount(sum(counts), 'detection')}, and "
        f"{identity} was used, as pycocotools does: the first has {names[first]!r:.60}, but its "
        f"{identity} is that of {called[by_id[first]]!r:.60}; correct the ids if the names are "
        "right"
    )
