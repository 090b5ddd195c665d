"""Checked columns from JSON records; every error names the file, the record and the field."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from eval.errors import EvaluationError
from eval.wording import listed

Record: TypeAlias = "dict[str, Any]"
_REQUIRED = object()
_LOWEST, _HIGHEST = -(2**63), 2**64  # what 64 bits hold, and other programs can read
# Records come from JSON or from Python programs, which may use the types of NumPy.
_WHOLE = (int, np.integer)
_NUMBER = (int, float, np.integer, np.floating)
_SEQUENCE = (list, tuple, np.ndarray)
RESULT_FIELDS = {"image_id", "category_id", "bbox", "score"}
LEAVES_OUT = "--skip-unlisted (skip_unlisted=True in Python) leaves such records out"
ONE_TOO_SMALL = "all ids seem to be one too small: are they counted from 0?"
ONE_TOO_LARGE = "all ids seem to be one too large: are they counted from 1?"


def record_list(document: Any, key: str, source: str) -> list[Record]:
    """Return `document[key]`, which must be a list of objects."""
    records = document.get(key) if isinstance(document, dict) else None
    if isinstance(document, list):
        first = document[0] if document else {}
        if not document or (isinstance(first, dict) and RESULT_FIELDS & first.keys()):
            raise EvaluationError(
                f"{source}: this is a list of results; pass it as --detections and the ground "
                "truth as --data"
            )
        fields = listed(first) if isinstance(first, dict) else ""
        what = f"objects with the fields {fields:.80}" if fields else f"{first!r:.40} and the like"
        raise EvaluationError(
            f"{source}: a list of {what}; expected COCO JSON with 'images', 'annotations' and "
            "'categories'"
        )
    if not isinstance(records, list):
        raise EvaluationError(
            f"{source}: no list {key!r} at the top level; expected COCO JSON with 'images', "
            "'annotations' and 'categories'"
        )
    check_objects(records, f"{source}: {key}")
    return records


def check_objects(records: Sequence[Any], where: str) -> None:
    """Raise EvaluationError unless every record is a JSON object."""
    for position, record in enumerate(records):
        if not isinstance(record, dict):
            raise EvaluationError(f"{where}[{position}] is {record!r:.40}; expected an object")


def integers(records: Sequence[Record], field: str, where: str) -> list[int]:
    """One whole number from each record, for ids and sizes. The text "11" is not a number."""
    values = [record.get(field, _REQUIRED) for record in records]
    if set(map(type, values)) <= {int} and _fit(values):  # the usual case
        return values
    for position, value in enumerate(values):
        if isinstance(value, bool) or not isinstance(value, _WHOLE) or not _fit([value]):
            raise fault(where, position, field, value, "a whole number")
    return [int(value) for value in values]


def identities(records: Sequence[Record], field: str, where: str) -> list[int | str]:
    """One id from each record: a whole number or a text."""
    values = [record.get(field, _REQUIRED) for record in records]
    types = set(map(type, values))
    if types == {str} or (types <= {int} and _fit(values)):  # the usual cases
        return values
    for position, value in enumerate(values):
        is_id = isinstance(value, str) or (isinstance(value, _WHOLE) and _fit([value]))
        if isinstance(value, bool) or not is_id:
            raise fault(where, position, field, value, "a whole number or a text")
    return [value if isinstance(value, str) else int(value) for value in values]


def _fit(numbers: Sequence[Any]) -> bool:
    """Whether whole numbers fit into 64 bits."""
    return min(numbers, default=0) >= _LOWEST and max(numbers, default=0) < _HIGHEST


def texts(records: Sequence[Record], field: str, where: str) -> list[str]:
    """One string from each record."""
    values = [record.get(field, _REQUIRED) for record in records]
    if set(map(type, values)) <= {str}:
        return values
    for position, value in enumerate(values):
        if not isinstance(value, str):
            raise fault(where, position, field, value, "text")
    return values


def flags(records: Sequence[Record], field: str, where: str) -> np.ndarray:
    """(N,) bool from 0, 1, false or true; the default is 0."""
    values = [record.get(field, 0) for record in records]
    for position, value in enumerate(values):
        if not isinstance(value, (int, np.integer, np.bool_)) or value not in (0, 1):
            raise fault(where, position, field, value, "0 or 1")
    return np.array(values, dtype=bool)


def numbers(
    records: Sequence[Record],
    field: str,
    where: str,
    width: int = 1,
    defaults: np.ndarray | None = None,
) -> np.ndarray:
    """Finite numbers from each record: (N,) float64, or (N, width) for a width above 1.

    Parameters
    ----------
    defaults
        (N,) values for records that lack the field; without them every record must have it.
    """
    values = [record.get(field, _REQUIRED) for record in records]
    if defaults is not None:
        pairs = zip(values, defaults.tolist(), strict=True)
        values = [default if value is _REQUIRED else value for value, default in pairs]
    expected = "a finite number" if width == 1 else f"{width} finite numbers"
    shape = (len(values),) if width == 1 else (len(values), width)
    for position, value in enumerate(values):
        parts = [value] if width == 1 else value
        if not (_is_row(parts) and len(parts) == width and _all_numbers(parts)):
            raise fault(where, position, field, value, expected)
    try:
        table = np.array(values, dtype=np.float64).reshape(shape)
    except OverflowError:  # an integer with hundreds of digits
        rows = [[value] if width == 1 else value for value in values]
        table = np.array([[_float(part) for part in row] for row in rows]).reshape(shape)
    finite = np.isfinite(table).reshape(len(values), width).all(axis=1)
    if not finite.all():
        bad = int(np.argmin(finite))
        raise fault(where, bad, field, values[bad], expected)
    return table


def _is_row(parts: Any) -> bool:
    return isinstance(parts, _SEQUENCE) and getattr(parts, "ndim", 1) == 1


def _float(number: Any) -> float:
    try:
        return float(number)
    except OverflowError:
        return np.inf


def _all_numbers(parts: Sequence[Any] | np.ndarray) -> bool:
    # In Python bool is a subclass of int, and NumPy would convert the text "1" to a number.
    return all(isinstance(part, _NUMBER) and not isinstance(part, bool) for part in parts)


def boxes(records: Sequence[Record], where: str) -> np.ndarray:
    """(N, 4) float64 `[x, y, width, height]` from the field `bbox`; sides must not be negative."""
    boxes_xywh = numbers(records, "bbox", where, width=4)
    negative = (boxes_xywh[:, 2:] < 0).any(axis=1)
    if negative.any():
        bad = int(np.argmax(negative))
        raise fault(
            where,
            bad,
            "bbox",
            records[bad]["bbox"],
            "[x, y, width, height] without a negative side",
        )
    return boxes_xywh


def index_of(
    ids: Sequence[int | str],
    known: Mapping[int | str, int],
    where: str,
    field: str,
    names: Mapping[str, int | str] | None = None,
    reasons: Mapping[int | str, str] | None = None,
) -> np.ndarray:
    """(N,) int64: the position of each id in a table of known ids.

    Parameters
    ----------
    names
        Ids by file name, to recognise a file name that was written in place of an id.
    reasons
        Why an id has no position, for the error message.
    """
    try:
        return np.array([known[identity] for identity in ids], dtype=np.int64)
    except KeyError:
        bad = next(i for i, identity in enumerate(ids) if identity not in known)
        table = {"image_id": "'images'", "category_id": "'categories'"}[field]
        left_out = field == "image_id" and not known.keys().isdisjoint(ids)
        why = (reasons or {}).get(ids[bad]) or remedy_for_id(
            ids[bad], known, ids, names, may_be_left_out=left_out
        )
        raise EvaluationError(
            f"{where}[{bad}]: {field} {ids[bad]!r:.60} is not listed in {table} of the ground "
            f"truth; {why}"
        ) from None


def remedy_for_id(
    identity: int | str,
    known: Mapping[int | str, int],
    ids: Iterable[Any] = (),
    names: Mapping[str, int | str] | None = None,
    *,
    may_be_left_out: bool = False,
) -> str:
    """How to correct an unknown id.

    Parameters
    ----------
    known
        The ids of the ground truth.
    ids
        All ids of the file that contains the unknown one.
    names
        The ids of the ground truth by file name, with and without folders.
    may_be_left_out
        Whether an option leaves such records out.
    """
    remedy = f"correct the id; {LEAVES_OUT}" if may_be_left_out else "correct the id"
    if hint := systematic_mistake(identity, known, ids):
        return hint
    if off_by_one(ids, known, -1):
        return ONE_TOO_LARGE
    if isinstance(identity, str) and names:
        last = identity.replace("\\", "/").rpartition("/")[2]
        if identity in names or last in names:
            own = names.get(identity, names.get(last))
            return f"this is a file name; the id of that image is {own!r:.60}"
        if last != identity and last in known:
            return f"{last!r:.60}, without the folder, is listed"
    example = next(iter(known), None)
    is_other = example is not None and isinstance(example, str) != isinstance(identity, str)
    if is_other or (isinstance(example, str) and len(example) != len(str(identity))):
        return f"its ids look like {example!r:.60}; {remedy}"
    return remedy


def systematic_mistake(
    identity: int | str, known: Mapping[int | str, int], ids: Iterable[Any]
) -> str:
    """The remedy where all ids may be wrong in one way (type, or counted from 0); otherwise ""."""
    if str(identity) in known:
        return "the ground truth has it as text: put it in quotation marks"
    is_number = isinstance(identity, str) and re.fullmatch(r"-?[0-9]{1,20}", identity)
    if is_number and int(identity) in known:
        return "the ground truth has it as a number: remove the quotation marks"
    return ONE_TOO_SMALL if off_by_one(ids, known, 1) else ""


def off_by_one(ids: Iterable[Any], known: Mapping[int | str, int], step: int) -> bool:
    """Whether some of the ids are unknown, but all would be known with `step` (1 or -1) added."""
    different = set(ids)
    return (
        all(type(identity) is int and identity + step in known for identity in different)
        and bool(different)
        and not different <= known.keys()
    )


def unique_positions(values: Sequence[Any], field: str, where: str) -> dict[Any, int]:
    """The position of each value; raise EvaluationError if a value is repeated."""
    positions: dict[Any, int] = {}
    for position, value in enumerate(values):
        if positions.setdefault(value, position) != position:
            raise EvaluationError(
                f"{where}[{position}]: {field} {value!r:.60} is already used by "
                f"{where.rpartition(': ')[2]}[{positions[value]}]; it must be unique"
            )
    return positions


def fault(where: str, position: int, field: str, value: Any, expected: str) -> EvaluationError:
    """The error for one bad field, with its value and the expected one."""
    if value is _REQUIRED:
        return EvaluationError(f"{where}[{position}] has no {field!r}; expected {expected}")
    return EvaluationError(f"{where}[{position}]: {field!r} is {value!r:.60}; expected {expected}")
