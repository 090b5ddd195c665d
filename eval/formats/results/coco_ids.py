"""What the ids in COCO results stand for: images and classes of the ground truth."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, NamedTuple

from eval.datasets import Dataset, Identity
from eval.errors import EvaluationError
from eval.formats.results.class_names import labels_by_name, labels_by_number
from eval.formats.results.image_names import composed, rows_of_own_ids
from eval.records import Record, identities, record_list, texts, unique_positions

# Fields with the name of a class, in programs that write no ids or others than the ground truth's
CLASS_NAMES = ("category_name", "class_name", "category", "class", "label", "name")


class Ids(NamedTuple):
    """What the ids of one file stand for.

    Attributes
    ----------
    images, labels
        The image index and the label of each id.
    own_images, own_labels
        Whether the file lists images or names classes itself.
    reasons
        Why an id of the file's own images has no image index.
    notes
        How the ids were read.
    """

    images: dict[Identity, int]
    labels: dict[Identity, int]
    own_images: bool = False
    own_labels: bool = False
    reasons: Mapping[Identity, str] = {}
    notes: tuple[str, ...] = ()


def ids_of(
    document: Any, dataset: Dataset, source: str, names: str | os.PathLike[str] | None = None
) -> Ids:
    """The meaning of the ids by the lists "images" and "categories" of a document, if it has any.

    Parameters
    ----------
    names
        A file with the names of the class numbers from 0.

    Raises
    ------
    EvaluationError
        A list has faults, or there are names twice.
    """
    ids = Ids(dataset.image_index_by_id, dataset.label_by_category_id)
    if isinstance(document, dict) and _all_have(document.get("images"), "file_name"):
        records = record_list(document, "images", source)
        own = _unique_ids(records, f"{source}: images")
        file_names = texts(records, "file_name", f"{source}: images")
        rows, reasons = rows_of_own_ids(own, file_names, dataset)
        ids = ids._replace(images=rows, reasons=reasons, own_images=True)
    if isinstance(document, dict) and _all_have(document.get("categories"), "name"):
        if names is not None:
            raise EvaluationError(f"{source}: names its classes itself; leave the names out")
        records = record_list(document, "categories", source)
        own = _unique_ids(records, f"{source}: categories")
        written = texts(records, "name", f"{source}: categories")
        by_name, notes = labels_by_name(written, dataset.class_names)
        pairs = zip(own, written, strict=True)
        labels = {identity: by_name[name] for identity, name in pairs if by_name[name] >= 0}
        return ids._replace(labels=labels, own_labels=True, notes=notes)
    if names is not None:
        numbered, notes = labels_by_number(range(1 << 16), names, dataset.class_names)
        labels = dict(numbered.items())
        return ids._replace(labels=labels, own_labels=True, notes=notes)
    return ids


def _unique_ids(records: Sequence[Record], where: str) -> list[Identity]:
    ids = identities(records, "id", where)
    unique_positions(ids, "id", where)
    return ids


def _all_have(records: Any, field: str) -> bool:
    """Whether every record has the field; some tools write lists without names."""
    return (
        isinstance(records, list)
        and bool(records)
        and all(isinstance(record, dict) and field in record for record in records)
    )


def ids_by_name(dataset: Dataset) -> dict[str, Identity]:
    """The ids of images by file name, with and without folders."""
    last = {_base(image.file_name): image.id for image in dataset.images}
    return last | {image.file_name: image.id for image in dataset.images}


def _base(name: str) -> str:
    return composed(PurePosixPath(name.replace("\\", "/")).name)
