"""How far each object got in a proposal pipeline, as the pipeline recorded it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from eval.datasets import Dataset
from eval.errors import EvaluationError

FIELDS = ("proposal_iou", "region_iou", "class_score", "near_score")


@dataclass(frozen=True, eq=False)
class ObjectTraces:
    """One row per object, as in Dataset.all_truths; (M,) float64, NaN where unknown.

    Attributes
    ----------
    proposal_iou
        The best IoU of any proposal with the object.
    region_iou
        The best IoU among the proposals that reached the classifier.
    class_score
        The highest score of a box of the object's class with IoU >= 0.5 after regression, before
        non-maximum suppression; 0 if there is no such box.
    near_score
        The same with IoU >= 0.1.
    """

    proposal_iou: np.ndarray
    region_iou: np.ndarray
    class_score: np.ndarray
    near_score: np.ndarray


def read_traces(path: str | os.PathLike[str], dataset: Dataset) -> ObjectTraces:
    """Read objects.jsonl, one line per image.

    A line is {"image_id": id, "proposal_iou": [...], "region_iou": [...], "class_score": [...],
    "near_score": [...]} with a number, or null if unknown, for each object of the image in the
    order of the data set. Values of images without a line are unknown.

    Raises
    ------
    EvaluationError
        The message names file, line and field: a line that is no JSON, an image that is not in the
        data set or is repeated, or a wrong number of values.
    """
    import orjson

    source = Path(path).name
    try:
        lines = Path(path).read_bytes().splitlines()
    except OSError as error:
        raise EvaluationError(
            f"{os.fspath(path)}: cannot be read ({error.strerror}); check the path"
        ) from None
    columns = np.full((len(FIELDS), len(dataset.all_truths)), np.nan)
    seen: dict[int, int] = {}
    for number, line in enumerate(lines, start=1):
        where = f"{source}: line {number}"
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise EvaluationError(
                f"{where}: not JSON, or cut short ({error}); write it again"
            ) from None
        image = _image(record, dataset, where)
        if seen.setdefault(image, number) != number:
            raise EvaluationError(
                f"{where}: image_id {record['image_id']!r} is already on line {seen[image]}; "
                "remove one of the lines"
            )
        begin, end = int(dataset.starts[image]), int(dataset.starts[image + 1])
        for row, field in enumerate(FIELDS):
            columns[row, begin:end] = _values(record, field, end - begin, where)
    return ObjectTraces(*columns)


def _image(record: Any, dataset: Dataset, where: str) -> int:
    identity = record.get("image_id") if isinstance(record, dict) else None
    if isinstance(identity, bool) or not isinstance(identity, (int, str)):
        raise EvaluationError(f"{where}: no 'image_id'; expected an object with the id of an image")
    if identity not in dataset.image_index_by_id:
        raise EvaluationError(
            f"{where}: image_id {identity!r} is not in {dataset.source}; use the data set that "
            "the file was written for"
        )
    return dataset.image_index_by_id[identity]


def _values(record: dict[str, Any], field: str, count: int, where: str) -> list[float]:
    values = record.get(field)
    if not isinstance(values, list) or len(values) != count or not all(map(_is_number, values)):
        got = f"{len(values)} values" if isinstance(values, list) else repr(values)[:40]
        raise EvaluationError(
            f"{where}: {field!r} has {got}; expected {count} numbers (or null), one for each "
            "object of the image in the data set"
        )
    return [np.nan if value is None else float(value) for value in values]


def _is_number(value: Any) -> bool:
    return value is None or (isinstance(value, (int, float)) and not isinstance(value, bool))
