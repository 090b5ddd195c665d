"""Results as a table with a line of headings (CSV)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from eval import Dataset, EvaluationError, read_dataset
from tests.eval.cases import dataset_of
from tests.eval.made_formats import CLASSES, EXAMPLE, write, write_voc
from tests.eval.results import Found, read

HEADERS: list[tuple[str, Callable[[Found], list[float]]]] = [
    ("image_id,class,score,x,y,width,height", lambda f: [f.xmin, f.ymin, f.xmax, f.ymax]),
    ("Image;Class Name;Confidence;x;y;w;h", lambda f: [f.xmin, f.ymin, f.xmax, f.ymax]),
    (
        "file_name\tclass\tscore\txmin\tymin\txmax\tymax",
        lambda f: [f.xmin, f.ymin, f.xmin + f.xmax, f.ymin + f.ymax],
    ),
    (
        "\ufeffimage,label,score,x1,y1,x2,y2",
        lambda f: [f.xmin, f.ymin, f.xmin + f.xmax, f.ymin + f.ymax],
    ),
]


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return read_dataset(write_voc(tmp_path / "truth", EXAMPLE))


@pytest.mark.parametrize(("header", "box"), HEADERS)
def test_tables_with_named_columns(
    dataset: Dataset, tmp_path: Path, header: str, box: Callable[[Found], list[float]]
) -> None:
    found = [Found(0, 0, 0.5, 1.25, 2, 30, 40), Found(2, 2, -1.5, 0, 6, 7, 8)]
    mark = next(mark for mark in ";\t," if mark in header)
    rows = [
        mark.join(
            [f'"{dataset.images[f.image].id}"', CLASSES[f.label], *map(str, [f.score, *box(f)])]
        )
        for f in found
    ]
    table = read(write(tmp_path / "r.csv", "\n".join([header, *rows, "", ""])), dataset)
    assert table.images.tolist() == [0, 2] and table.labels.tolist() == [0, 2]
    assert table.scores.tolist() == [0.5, -1.5] and table.layout == "xywh"
    assert table.boxes.tolist() == [[1.25, 2, 30, 40], [0, 6, 7, 8]]
    assert table.notes[0].startswith("read as: image from ")


def test_classes_of_a_table_by_id(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, [], 2, ["dog", "cat"])
    for column in ("category_id", "class"):
        text = f"image_id,{column},score,x,y,w,h\n2,2,.5,1,1,1,1\n1,9,.5,1,1,1,1\n"
        table = read(write(tmp_path / "r.csv", text), dataset)
        assert table.labels.tolist() == [1] and table.images.tolist() == [1]
        assert "class id from" in table.notes[0] and table.notes[1].endswith(": 9")


@pytest.mark.parametrize("column", ["class_id", "class"])
def test_class_ids_of_a_table_that_are_one_too_small(tmp_path: Path, column: str) -> None:
    dataset = dataset_of(tmp_path, [], 2, ["dog", "cat", "cow"])  # ids 1, 2, 3
    header, row = f"image_id,{column},score,x,y,w,h\n", "1,{},.5,1,1,1,1\n"
    for found, message in (("012", True), ("02", True), ("123", False), ("0124", False)):
        rows = "".join(row.format(number) for number in found)
        notes = read(write(tmp_path / "r.csv", header + rows), dataset).notes
        assert (
            any(
                note.endswith(": 0; all ids seem to be one too small: are they counted from 0?")
                for note in notes
            )
            == message
        )
    if column == "class_id":
        with pytest.raises(EvaluationError, match=r"its classes \(0\) .* counted from 0\?$"):
            read(write(tmp_path / "r.csv", header + row.format(0)), dataset)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,class,x,y,w,h\n", "line 1: no column for score; the columns are image, class, x"),
        ("a,b\n", "line 1: no column for image, class, score, box"),
        ("image,class,score,x,y,w,h,score\n", "line 1: column 'score' is repeated"),
        ("image,class,score,x,y,w,h\n1,dog,.5,1,1\n", "line 2: 5 columns; the first line names 7"),
        ("image,class,score,x,y,w,h\n\n1,dog,,1,1,1,1\n", "line 3: score is ''; expected a finite"),
        ("image,class,score,x,y,w,h\n1,dog,.5,1,nan,1,1\n", "line 2: y is 'nan'"),
        ("image,class,score,x,y,w,h\n7,dog,.5,1,1,1,1\n", "line 2: image '7' is no image"),
        ("image,class,score,x,y,w,h\n1,cow,.5,1,1,1,1\n", "none of its classes (cow)"),
    ],
)
def test_faults_of_a_table(tmp_path: Path, text: str, message: str) -> None:
    dataset = dataset_of(tmp_path, [], 3, ["dog"])
    with pytest.raises(EvaluationError) as caught:
        read(write(tmp_path / "r.csv", text), dataset)
    assert str(caught.value).startswith("r.csv: ") and message in str(caught.value)
