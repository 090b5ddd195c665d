"""docs/python.md runs from top to bottom, and so does our column of its comparison."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from detector import DetectorError

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/python.md").read_text(encoding="utf-8")


class Cell(NamedTuple):
    """Code of the comparison's last column, and the text that its value or error contains."""

    point: str
    code: str
    shown: str

    def __str__(self) -> str:
        return f"{self.point}: {self.code}"


def cells() -> Iterator[Cell]:
    table = PAGE[PAGE.index("| point | ultralytics") :]
    for line in table.splitlines()[2:]:
        point, *_, ours = line.strip("|").split(" | ")
        for code, shown in re.findall(r"`([^`]+)`(?: → `([^`]+)`)?(?=<br>|\s*$)", ours):
            yield Cell(point.strip(), code, shown)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """The names that the blocks of the page define, in a folder like a clone's."""
    pytest.importorskip("pandas")
    pytest.importorskip("supervision")
    folder, before = tmp_path_factory.mktemp("clone"), Path.cwd()
    shutil.copytree(ROOT / "docs", folder / "docs")
    os.chdir(folder)
    names: dict[str, Any] = {}
    try:
        for block in re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL):
            exec(compile(block, "docs/python.md", "exec"), names)
        yield names
    finally:
        os.chdir(before)


def test_every_row_has_a_cell_for_each_library() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("|")]
    table = rows[rows.index(next(row for row in rows if "ultralytics" in row)) :]
    assert len(table) > 20 and {row.count(" | ") for row in table[2:]} == {4}
    assert len(list(cells())) > 35


@pytest.mark.parametrize("cell", list(cells()), ids=str)
def test_a_cell_of_ours_runs_and_gives_what_it_shows(cell: Cell, page: dict[str, Any]) -> None:
    if cell.code.startswith("python "):
        words = [sys.executable, *shlex.split(cell.code)[1:]]
        subprocess.run(words, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=True)
        return
    try:
        value = repr(eval(cell.code, page))
    except DetectorError as error:
        assert cell.shown, error
        value = f"{error}"
    assert cell.shown in value and "\n" not in cell.shown


def test_the_comments_of_the_first_block_are_true(page: dict[str, Any]) -> None:
    shown = re.search(r"^detector +# (.*)$", PAGE, re.MULTILINE)
    assert shown and repr(page["detector"]) == shown[1]
    assert repr(page["detector"].class_names).startswith(
        '("aeroplane", "bicycle", "bird"'.replace('"', "'")
    )


def test_the_three_ways_of_numbering_agree(page: dict[str, Any]) -> None:
    found = page["detector"]("docs/photos/cat.jpg")
    names = ["cat"] * len(found)
    assert names == [found.class_names[label] for label in found.labels]
    assert names == [found.class_names[label] for label in found.to_supervision().class_id]
    assert names == [
        found.class_names[int(line.split()[0])] for line in found.to_yolo().splitlines()
    ]
    assert names == [found.class_names[label - 1] for label in found.to_torch()["labels"]]
    ids = [record["category_id"] for record in found.to_coco(1)]
    assert names == [found.class_names[found.category_ids.index(one)] for one in ids] and ids == [8]
