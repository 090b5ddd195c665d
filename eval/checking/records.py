"""Test each field of each JSON record, by the rules of eval.records."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from eval.boxes import to_xyxy
from eval.checking.smells import ERROR, WARNING, Boxes, Finding
from eval.formats.json_files import ABSENT, BAD_NUMBER, with_odd_numbers
from eval.formats.text_files import is_image, read_bytes
from eval.records import off_by_one, remedy_for_id

ID, NUMBER = "a whole number or a text", "a finite number"
BOX = "[x, y, width, height], 4 finite numbers"


def parse_json(path: Path, source: str, findings: list[Finding]) -> Any:
    """The document, or ABSENT if it is no JSON; NaN and Infinity have warnings but are read."""
    content = read_bytes(path)
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as fault:
        refused: Exception = fault
    line, place = 1, 0
    for match in BAD_NUMBER.finditer(content):
        line, place = line + content.count(b"\n", place, match.start()), match.start()
        message = (
            f"{match[0].decode()} at byte {match.start()} is not JSON, and other programs may "
            "refuse it; write a number or null"
        )
        findings.append(Finding(WARNING, "NaN or Infinity", f"{source}: line {line}", "", message))
    document = with_odd_numbers(content)
    if document is ABSENT:
        message = f"not JSON, or cut short ({refused}; {len(content)} bytes); write it again"
        if not content.strip():
            message = "the file is empty; write it again"
        elif is_image(content):
            message = "this is an image; expected JSON"
        findings.append(Finding(ERROR, "not JSON", source, "", message))
    return document


@dataclass
class Records:
    """A list of records under test.

    Attributes
    ----------
    source, name
        Names of the file and of the list.
    records
        The records; entries that are no objects are errors.
    findings
        Where errors are added.
    sound
        Positions of the records without an error so far.
    """

    source: str
    name: str
    records: list[Any]
    findings: list[Finding]
    sound: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        for position, record in enumerate(self.records):
            if isinstance(record, dict):
                self.sound.add(position)
            else:
                shown = f"is {record!r:.40}; expected an object"
                self.fault(position, "", shown, f"{self.name}: not an object")

    def where(self, position: int) -> str:
        """The place of a record, as error messages name it."""
        return f"{self.source}: {self.name}[{position}]"

    def fault(self, position: int, field: str, message: str, kind: str) -> None:
        """Add an error."""
        self.findings.append(Finding(ERROR, kind, self.where(position), field, message))
        self.sound.discard(position)

    def column(
        self,
        field: str,
        test: Callable[[Any], bool],
        expected: str,
        default: Any = ABSENT,
    ) -> list[Any]:
        """The field of each record; ABSENT where the test fails, the default where it is missing.

        A missing field without a default is an error.
        """
        values = []
        for position, record in enumerate(self.records):
            value = record.get(field, ABSENT) if isinstance(record, dict) else ABSENT
            if value is ABSENT:
                if default is ABSENT and isinstance(record, dict):
                    message = f"no {field!r}; expected {expected}"
                    self.fault(position, field, message, f"{self.name}: no {field}")
                value = default
            elif not test(value):
                message = f"{field!r} is {value!r:.60}; expected {expected}"
                self.fault(position, field, message, f"{self.name}: malformed {field}")
                value = ABSENT
            values.append(value)
        return values

    def unique(self, field: str, values: Sequence[Any]) -> dict[Any, int]:
        """The position of each value; a repeated value is an error."""
        positions: dict[Any, int] = {}
        for position, value in enumerate(values):
            if value is ABSENT:
                continue
            if positions.setdefault(value, position) != position:
                first = f"{self.name}[{positions[value]}]"
                message = f"{field} {value!r:.60} is already used by {first}; it must be unique"
                self.fault(position, field, message, f"{self.name}: {field} repeated")
        return positions

    def known(
        self,
        field: str,
        values: Sequence[Any],
        table: Mapping[Any, int],
        what: str,
        names: Mapping[str, int | str] | None = None,
        reasons: Mapping[Any, str] | None = None,
    ) -> None:
        """Add an error for each value that is not in `table` (see index_of for the others)."""
        beside = shifted_ids(values, table)
        left_out = field == "image_id" and any(value in table for value in values)
        for position, value in enumerate(values):
            if value is not ABSENT and value not in table:
                remedy = (reasons or {}).get(value) or remedy_for_id(
                    value, table, beside, names, may_be_left_out=left_out
                )
                message = f"{field} {value!r:.60} is not listed in {what}; {remedy}"
                self.fault(position, field, message, f"{self.name}: unknown {field}")

    def absent(self, field: str) -> list[int]:
        """Positions of records without the field."""
        pairs = enumerate(self.records)
        return [i for i, record in pairs if isinstance(record, dict) and field not in record]


def shifted_ids(values: Sequence[Any], table: Mapping[Any, int]) -> set[Any]:
    """The set of ids if all seem to be one too small; otherwise an empty set."""
    different = {value for value in values if value is not ABSENT}
    return different if off_by_one(different, table, 1) else set()


def list_of(document: Any, name: str, source: str, findings: list[Finding]) -> Records:
    """The list of this name in a document; a missing one is an error, an empty one a warning."""
    records = document.get(name) if isinstance(document, dict) else None
    if isinstance(records, list):
        if not records:
            message = f"the list {name!r} is empty"
            findings.append(Finding(WARNING, "empty list", source, name, message))
        return Records(source, name, records, findings)
    message = f"no list {name!r} at the top level; expected COCO JSON with this list"
    findings.append(Finding(ERROR, "no list", source, name, message))
    return Records(source, name, [], findings)


def boxes_of(
    records: Records,
    owners: list[Any],
    kinds: list[Any],
    shapes: list[Any],
    image_rows: dict[Any, int],
    labels: dict[Any, int],
    limits: np.ndarray,
    scores: list[Any] | None = None,
) -> Boxes:
    """The boxes of all sound records; each list has one field of every record."""
    rows = sorted(records.sound)
    xywh = np.array([shapes[row] for row in rows], dtype=np.float64).reshape(-1, 4)
    images = np.array([image_rows[owners[row]] for row in rows], dtype=np.int64)
    return Boxes(
        xyxy=to_xyxy(xywh, "xywh"),
        images=images,
        labels=np.array([labels[kinds[row]] for row in rows], dtype=np.int64),
        limits=limits[images],
        where=lambda row: records.where(rows[row]),
        scores=None if scores is None else np.array([scores[row] for row in rows], np.float64),
    )


def is_id(value: Any) -> bool:
    """A whole number or a text."""
    return isinstance(value, int | str) and not isinstance(value, bool)


def is_whole(value: Any) -> bool:
    """A whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def is_text(value: Any) -> bool:
    """A text."""
    return isinstance(value, str)


def is_number(value: Any) -> bool:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= sys.float_info.max  # False for NaN


def is_flag(value: Any) -> bool:
    """0, 1, false or true."""
    return isinstance(value, int) and value in (0, 1)


def is_box(value: Any) -> bool:
    """Four finite numbers."""
    return isinstance(value, list) and len(value) == 4 and all(is_number(part) for part in value)


def is_proper_box(value: Any) -> bool:
    """Four finite numbers with the last two not negative."""
    return is_box(value) and value[2] >= 0 and value[3] >= 0
