"""The compiled JSON reader against Python's own: the same values to the last bit, or None."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eval.formats.compiled import json_results
from eval.formats.compiled.json_columns import Columns, read_annotations, text_of
from eval.formats.compiled.json_numbers import POWERS_OF_FIVE, POWERS_OF_TEN
from eval.formats.compiled.json_objects import read_top_level
from eval.formats.compiled.json_records import end_of_value
from eval.formats.compiled.json_results import open_results

IMAGES = {3: 0, 7: 1, -2: 2, 2**62: 3}
LABELS = {1: 0, 90: 1}
QUICK = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read(folder: Path, content: str | bytes, *, results: bool = True) -> Columns | None:
    path = folder / "content.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    if results:
        found = open_results(path)
        return None if found is None else found.read(IMAGES, LABELS)
    path.write_bytes(b'{"annotations":' + path.read_bytes() + b"}")
    top = read_top_level(path, ())
    if top is None:
        return None
    return read_annotations(top.text, top.places["annotations"], IMAGES, LABELS)


def scores(folder: Path, words: list[str]) -> np.ndarray | None:
    records = [
        f'{{"image_id":3,"category_id":1,"bbox":[0,0,1,1],"score":{word}}}' for word in words
    ]
    columns = read(folder, "[" + ",".join(records) + "]")
    return None if columns is None else columns.values


def bits(value: float) -> int:
    return int(struct.unpack("<Q", struct.pack("<d", value))[0])


DIGITS = st.text("0123456789", min_size=1, max_size=22)
WHOLE = DIGITS.map(lambda digits: digits.lstrip("0") or "0")
DECIMALS = st.builds(
    lambda sign, whole, part, power: sign + whole + part + power,
    st.sampled_from(["", "-"]),
    WHOLE,
    st.just("") | DIGITS.map(lambda digits: "." + digits),
    st.just("") | st.builds("{}{}".format, st.sampled_from(["e", "E+", "e-"]), st.integers(0, 90)),
)


@QUICK
@given(st.lists(DECIMALS | st.floats(allow_nan=False, allow_infinity=False).map(repr), min_size=1))
def test_numbers_are_pythons_to_the_last_bit(tmp_path: Path, words: list[str]) -> None:
    found = scores(tmp_path, words)
    assert found is not None
    assert [bits(value) for value in found] == [bits(float(word)) for word in words]


def test_numbers_midway_between_two_doubles(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    words = []
    for odd in generator.integers(2**52, 2**53, 4000).tolist():
        midway = 2 * odd + 1  # between two doubles of 53 bits
        words += [str(midway), str(midway - 1), str(midway + 1)]
        for halvings in (1, 2, 3):
            digits = midway * 5**halvings
            words += [f"{digits}e-{halvings}", f"{digits + 1}e-{halvings}"]
    found = scores(tmp_path, words)
    assert found is not None
    assert [bits(value) for value in found] == [bits(float(word)) for word in words]


def test_numbers_beyond_the_doubles_are_left_to_python(tmp_path: Path) -> None:
    assert scores(tmp_path, ["1e999"]) is None
    assert scores(tmp_path, ["1e-999", "123456789012345678901234567890"]) is not None


def test_a_repeated_key_is_left_to_python(tmp_path: Path) -> None:
    for twice in ('"score":1e-200,"score":0.25', '"score":1,"bbox":[1e-70,2,3,4],"bbox":[5,6,7,8]'):
        record = f'{{"image_id":3,"category_id":1,"bbox":[0,0,1,1],{twice}}}'
        assert read(tmp_path, f"[{record}]") is None


def test_an_exponent_of_seven_digits(tmp_path: Path) -> None:
    assert scores(tmp_path, ["0." + "0" * 100 + "1e1234567"]) is None
    found = scores(tmp_path, ["0." + "0" * 123456 + "1e123457", "0e9999999"])
    assert found is not None and found.tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    "word",
    ["01", "+1", ".5", "1.", "1e", "-", "0x1", "NaN", "Infinity", "1_0", "true", "null", '"1"', ""],
)
def test_what_is_no_number_is_refused(tmp_path: Path, word: str) -> None:
    assert scores(tmp_path, [word]) is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(-1e9, 1e9) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
RECORDS = st.fixed_dictionaries(
    {
        "image_id": st.sampled_from(list(IMAGES)),
        "category_id": st.sampled_from([*LABELS, 55]),
        "bbox": st.lists(st.floats(-1e6, 1e6) | st.integers(-9, 9), min_size=4, max_size=4),
        "score": st.floats(-5, 5),
    },
    optional={"id": st.integers(0, 9), "segmentation": VALUES, 'odd "\\ key': VALUES, "": VALUES},
)


def expected(records: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [
        (
            IMAGES[r["image_id"]],
            LABELS.get(r["category_id"], -1),
            *map(float, r["bbox"]),
            r["score"],
        )
        for r in records
    ]


def rows(columns: Columns) -> list[tuple[Any, ...]]:
    parts = (columns.images, columns.labels, *columns.boxes.T, columns.values)
    return list(zip(*(part.tolist() for part in parts), strict=True))


@QUICK
@given(st.lists(RECORDS, max_size=8), st.sampled_from([None, 0, 3]), st.randoms())
def test_records_in_any_layout(
    tmp_path: Path, records: list[dict[str, Any]], indent: int | None, random: Any
) -> None:
    shuffled = []
    for record in records:
        items = list(record.items())
        random.shuffle(items)
        shuffled.append(dict(items))
    content = json.dumps(
        shuffled, indent=indent, allow_nan=False, ensure_ascii=random.random() < 0.5
    )
    columns = read(tmp_path, content)
    if any("\\" in json.dumps(key) for record in records for key in record):
        return  # may be None
    assert columns is not None and rows(columns) == expected(records)


ONE = '[{"image_id": 3, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]'


@pytest.mark.parametrize("cut", range(len(ONE)))
def test_a_text_cut_short_is_given_up(tmp_path: Path, cut: int) -> None:
    assert read(tmp_path, ONE[:cut]) is None


@QUICK
@given(st.integers(0, len(ONE) - 1), st.binary(min_size=1, max_size=2))
def test_a_damaged_text_is_given_up_or_means_the_same(
    tmp_path: Path, place: int, junk: bytes
) -> None:
    content = bytearray(ONE.encode())
    content[place : place + 1] = junk
    columns = read(tmp_path, bytes(content))
    if columns is not None:
        records = orjson.loads(bytes(content).decode("utf-8", "replace"))
        assert rows(columns) == expected(records)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("image_id", 4), ("image_id", "3"), ("image_id", 3.0), ("image_id", None),
        ("category_id", True), ("bbox", [1, 2, 3]), ("bbox", [1, 2, 3, 4, 5]), ("bbox", None),
        ("bbox", [1, 2, "3", 4]), ("score", None), ("score", [0.5]), ("score", True),
    ],
)  # fmt: skip
def test_unusual_fields_are_left_to_python(tmp_path: Path, field: str, value: Any) -> None:
    record = json.loads(ONE)[0]
    assert read(tmp_path, json.dumps([record, {**record, field: value}])) is None
    del record[field]
    assert read(tmp_path, json.dumps([record])) is None


def test_annotations(tmp_path: Path) -> None:
    box = {"image_id": 7, "category_id": 90, "bbox": [1, 2, 3, 4]}
    records = [
        {**box, "id": 5, "area": 2.5, "iscrowd": 1},
        {**box, "id": 2**61, "ignore": True, "difficult": 0},
        {**box, "id": 0, "difficult": 1, "iscrowd": False, "segmentation": [[1, 2]]},
    ]
    columns = read(tmp_path, json.dumps(records), results=False)
    assert columns is not None and columns.ids is not None
    assert columns.ids.tolist() == [5, 2**61, 0] and columns.flags.tolist() == [1, 2, 4]
    assert columns.values[0] == 2.5 and np.isnan(columns.values[1:]).all()
    del records[1]["id"]
    again = read(tmp_path, json.dumps(records), results=False)
    assert again is not None and again.ids is None
    for odd in ({"iscrowd": 2}, {"area": None}, {"iscrowd": 10}, {"id": 0.5}):
        assert read(tmp_path, json.dumps([{**box, **odd}]), results=False) is None


@pytest.mark.parametrize("threads", [2, 3, 7])
@pytest.mark.parametrize("trap", ["", "}, {", '"},{"image_id":3,'])
def test_several_threads_read_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int, trap: str
) -> None:
    generator = np.random.default_rng(threads)
    records = [
        {
            "image_id": int(generator.choice([3, 7])),
            "category_id": 90,
            "bbox": generator.uniform(0, 99, 4).tolist(),
            "score": float(generator.uniform()),
            **({"name": trap} if trap else {}),
        }
        for _ in range(500)
    ]
    monkeypatch.setattr(json_results, "SMALLEST_PART", 100)
    monkeypatch.setattr(json_results, "processors", lambda: threads)
    columns = read(tmp_path, json.dumps(records))
    assert columns is not None and rows(columns) == expected(records)


def test_parts_of_an_object(tmp_path: Path) -> None:
    path = tmp_path / "content.json"
    path.write_text(
        ' {"images": [{"id": 1}], "info": {"a": [1, {"b": "]}"}]}, "annotations": [ ] }\n'
    )
    found = read_top_level(path, ("images",))
    assert found is not None and found.values == {"images": [{"id": 1}]}
    assert list(found.places) == ["images", "info", "annotations"]
    columns = read_annotations(found.text, found.places["annotations"], IMAGES, LABELS)
    assert columns is not None and len(columns.images) == 0
    for odd in (
        '{"a": 1, "a": 2}', '{"a": 1} 2', '{"a": tru}', '{"a" 1}', "{", '{"\\u0061": 1}', "3", ""
    ):  # fmt: skip
        path.write_text(odd)
        assert read_top_level(path, ()) is None


@pytest.mark.parametrize("piece", [90, 101, 150, 1000])
@pytest.mark.parametrize("threads", [1, 4])
@pytest.mark.parametrize("end", ["]", "]\n  \n", "] x", "],", ""])
def test_pieces_that_cut_records_in_two(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int, threads: int, end: str
) -> None:
    record = json.loads(ONE)[0]
    records = [{**record, "score": number / 7} for number in range(60)]
    content = ",\n ".join(json.dumps(record, separators=(",", ":")) for record in records)
    monkeypatch.setattr(json_results, "PIECE", piece)
    monkeypatch.setattr(json_results, "SMALLEST_PART", 100)
    monkeypatch.setattr(json_results, "processors", lambda: threads)
    columns = read(tmp_path, " [ " + content + end)
    if end.strip() != "]":
        assert columns is None
    elif columns is None:
        assert piece == 90  # the longest record does not fit
    else:
        assert rows(columns) == expected(records)


@pytest.mark.parametrize(
    "character", ['"', r"\\", r"\n", r"\"", "\n", "\x1f", " ", "!", "\x7f", "é", "漢", r"\u12g4"]
)
def test_strings_end_where_a_parser_finds_their_end(character: str) -> None:
    """Wherever the character stands, since strings are read eight bytes at a time."""
    for before in range(20):
        for after in (0, 1, 7, 8):
            text = f'"{"a" * before}{character}{"b" * after}"'
            try:
                _, length = json.JSONDecoder().raw_decode(text)
                expected = len(text[:length].encode())
            except json.JSONDecodeError:
                expected = -1
            scratch = np.zeros(1, np.uint64)
            found = end_of_value(text_of(text.encode()), POWERS_OF_FIVE, POWERS_OF_TEN, scratch)
            assert found == expected, text
