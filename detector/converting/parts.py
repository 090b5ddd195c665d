"""The parts of a data set that is converted: train, val and test."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from detector.errors import DetectorError
from detector.files.names import printable
from eval import Dataset, read_dataset
from eval.formats.coco_json import read_coco
from eval.formats.json_files import read_json
from eval.formats.recognised import reader_of
from eval.formats.splits import splits_of_data
from eval.formats.text_files import read_bytes

# Words in the names of JSON files and of splits, and what the part is called in the output
PARTS = {
    "train": "train",
    "training": "train",
    "trainval": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
}


class Reading(NamedTuple):
    """How data sets and results are read; `split` is explained at read_parts.

    The others are options of read_dataset and read_detections.
    """

    split: str | None = None
    corners: str | None = None
    boxes: str | None = None
    skip_unlisted: bool = False
    names: Path | None = None

    def dataset(self, source: Path, split: str | None = None) -> Dataset:
        """The data set at a path, or a split of it."""
        options: dict[str, Any] = {
            "split": split, "corners": self.corners, "boxes": self.boxes,
            "skip_unlisted": self.skip_unlisted,
        }  # fmt: skip
        return read_dataset(source, **{name: value for name, value in options.items() if value})


class Part(NamedTuple):
    """One part: its name in the output, the path that it was read from, and its content."""

    name: str
    source: Path
    dataset: Dataset


def read_parts(sources: Sequence[Path], reading: Reading) -> list[Part]:
    """Read every part of every source; all parts get the same classes.

    A JSON file is one part, which the split or else a word in the file's name names. Of a folder
    all splits are read, or only that of `reading`.

    Raises
    ------
    DetectorError
        Two parts have one name, or a part has a name that is none for a file.
    EvaluationError
        A source cannot be read.
    """
    parts: list[Part] = []
    split = reading.split
    for source in sources:
        if reader_of(source) is read_coco:
            parts.append(Part(split or _name_of(source), source, reading.dataset(source)))
            continue
        for name in (split,) if split else splits_of_data(source):
            whole = _name_of(source) if source.is_file() else "train"
            part_name = PARTS.get(name, name) if name else whole
            parts.append(Part(part_name, source, reading.dataset(source, name)))
    seen: dict[str, Path] = {}
    for part in parts:
        if not re.fullmatch(r"\w[\w.-]*", part.name):
            raise DetectorError(
                f"--split {printable(part.name)}: files and folders cannot be called so; use "
                "letters, digits, '-' and '_'"
            )
        if part.name in seen:
            raise DetectorError(
                f"{printable(seen[part.name])} and {printable(part.source)} are both called "
                f"{part.name}; rename one so that its name contains train, val or test"
            )
        seen[part.name] = part.source
    return _with_common_classes(parts)


def read_part(source: Path, reading: Reading) -> Part:
    """Read one part, by default the one that serves evaluation.

    Raises
    ------
    EvaluationError
        The source cannot be read.
    """
    split = reading.split
    return Part(split or _name_of(source), source, reading.dataset(source, split))


def holds_results(source: Path) -> bool:
    """Whether the annotations of a COCO JSON file have scores, as in a detections.json."""
    if not source.is_file() or reader_of(source) is not read_coco:
        return False
    content = read_bytes(source)
    if b'"score"' not in content:  # large files without scores are not parsed twice
        return False
    document = read_json(source)
    records = document.get("annotations") if isinstance(document, dict) else None
    return isinstance(records, list) and any(
        isinstance(record, dict) and "score" in record for record in records
    )


def _name_of(source: Path) -> str:
    words = re.split(r"[^a-z]+", source.name.lower())
    return next((PARTS[word] for word in words if word in PARTS), "train")


def _with_common_classes(parts: Sequence[Part]) -> list[Part]:
    """The parts with the classes of all parts, in the order in which they occur first."""
    identities = {
        name: identity
        for part in reversed(parts)
        for name, identity in zip(part.dataset.class_names, part.dataset.category_ids, strict=True)
    }
    names = tuple(dict.fromkeys(name for part in parts for name in part.dataset.class_names))
    category_ids = tuple(identities[name] for name in names)
    if len(set(category_ids)) < len(names):  # the parts number their classes differently
        category_ids = tuple(range(1, len(names) + 1))
    common = []
    for part in parts:
        truths = part.dataset.all_truths
        label_of = np.array([names.index(name) for name in part.dataset.class_names], np.int64)
        labels = label_of[truths.labels] if len(truths) else truths.labels
        dataset = replace(
            part.dataset, class_names=names, category_ids=category_ids,
            all_truths=replace(truths, labels=labels),
        )  # fmt: skip
        common.append(part._replace(dataset=dataset))
    return common
