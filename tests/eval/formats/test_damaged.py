"""Damaged files of every format: a reader succeeds or fails with one line, and `check` agrees."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval import Dataset, EvaluationError, read_dataset
from eval.checking import check
from eval.reading import read_detections
from tests.eval.bad_cases.tools import WRITERS
from tests.eval.made_formats import EXAMPLE, WNIDS, write, write_ilsvrc, write_voc, write_yolo

JUNK = st.sampled_from(
    [
        *(b"", b" ", b"\n", b"\r", b"\x0b", b"\0", b"\xff", b"\xc2\xa0", b"\xd9\xa3"),
        *(b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\x1f\x8b", b"nan", b"-", b"1e999", b"0x1", b"_"),
        *(b"99999999999999999999", b"<", b"&x;", b"<!DOCTYPE a>", b'"', b",", b"[", b":", b"{"),
    ]
)
DAMAGE = st.lists(
    st.tuples(st.floats(0, 1), st.sampled_from([0, 0, 1, 2, 8]), JUNK), min_size=1, max_size=2
)


class Case(NamedTuple):
    """A file to damage, the path to read, and the ground truth of results."""

    file: Path
    path: Path
    truth: Dataset | None


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    root = tmp_path_factory.mktemp("damaged")
    voc = write_voc(root / "voc", EXAMPLE)
    ilsvrc = write_ilsvrc(root / "ilsvrc", EXAMPLE)
    yolo = write_yolo(root / "yolo", EXAMPLE)
    write(ilsvrc / "ILSVRC" / "devkit" / "data" / "blacklist.txt", f"11 {WNIDS[0]}\n")
    lists = [
        Case(file, folder, None)
        for folder in (voc, ilsvrc, yolo)
        for file in sorted(folder.rglob("*"))
        if file.suffix in (".xml", ".txt", ".yaml")
    ]
    for number, contents in enumerate(make() for make in WRITERS):
        home = root / str(number)
        files = [write(home / name, text) for name, text in contents.items()]
        top = home / next(iter(contents)).partition("/")[0]
        lists += [Case(file, top, None) for file in files]
    boxes = write(root / "comp4_det_test_dog.txt", f"{EXAMPLE[0].stem} .5 1 2 3 4\n" * 2)
    submission = write(root / "sub.txt", "11 1 .5 1 2 3 4\n21 2 .25 1 2 3 4\n")
    header = "image_id,class,score,x,y,w,h\n"
    table = write(root / "table.csv", f'{header}11,dog,.5,1,2,3,4\n"21",dog,.5,1,2,3,4\n')
    found = write(root / "run" / f"{EXAMPLE[0].stem}.txt", "1 .5 .5 .2 .2 .5\n" * 2)
    results = [
        Case(boxes, boxes, read_dataset(voc)),
        Case(submission, submission, read_dataset(ilsvrc)),
        Case(table, table, read_dataset(ilsvrc)),
        Case(found, found.parent, read_dataset(yolo)),
    ]
    return [*lists, *results * 3]


@given(number=st.integers(0, 99), damage=DAMAGE)
@settings(max_examples=300, deadline=None)
def test_success_or_one_line(
    cases: list[Case], number: int, damage: list[tuple[float, int, bytes]]
) -> None:
    file, path, truth = cases[number % len(cases)]
    good = file.read_bytes()
    content = bytearray(good)
    for place, length, junk in damage:
        at = round(place * len(content))
        content[at : at + length] = junk
    refused = False
    try:
        file.write_bytes(content)
        try:
            _ = read_dataset(path) if truth is None else read_detections(path, truth)
        except EvaluationError as error:
            refused = True
            assert "\n" not in str(error)
        assert refused == _refuses(path, truth)
    finally:
        file.write_bytes(good)


def _refuses(path: Path, truth: Dataset | None) -> bool:
    """Whether `check` finds an error, or takes damaged ground truth for results."""
    try:
        return any(finding.severity == "error" for finding in check(path, truth))
    except EvaluationError as error:
        assert "these are results; name their ground truth with --data" in str(error)
        return True
