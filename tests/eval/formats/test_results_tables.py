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


def test_the_column_with_known_names_is_the_class(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, [], 2, ["dog", "cat"])
    header = "image_id,xmin,ymin,xmax,ymax,confidence,class,name\n"  # YOLOv5's, for pandas
    for first, second, note in (
        ("dog", "cat", "class name from 'name'"),
        ("x", "y", "class id from 'class'"),
    ):
        rows = f"1,0,0,5,5,.9,1,{first}\n2,0,0,5,5,.8,2,{second}\n"
        table = read(write(tmp_path / "r.csv", header + rows), dataset)
        assert table.labels.tolist() == [0, 1] and note in table.notes[0]


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
        ("image,class,score,x,y,w,h\n1,dog,.5,1,1\n", "line 2: 5 columns; the first line has 7"),
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


# --- columns of other programs ----------------------------------------------------------------

PICTURES = [("a.jpg", 200, 100), ("b.jpg", 400, 300)]
BOXES = [[20.0, 10, 50, 40], [100.0, 30, 200, 150]]  # [x, y, width, height] in each


def two_pictures(folder: Path, names: tuple[str, ...] = ("cat", "Dog")) -> Dataset:
    truth = {
        "images": [
            {"id": i, "file_name": name, "width": width, "height": height}
            for i, (name, width, height) in enumerate(PICTURES, start=1)
        ],
        "categories": [{"id": i, "name": name} for i, name in enumerate(names, start=1)],
        "annotations": [],
    }
    return read_dataset(truth)


TABLES = {
    "centres": "image_id,category_id,score,x_center,y_center,width,height\n"
    "1,1,.9,45,30,50,40\n2,2,.8,200,105,200,150\n",
    "a text": 'image_id,category_id,score,bbox\n1,1,.9,"[20, 10, 50, 40]"\n'
    '2,2,.8,"100 30 200 150"\n',
    "Open Images": "ImageID,LabelName,Conf,XMin,XMax,YMin,YMax\n"
    "a,cat,.9,0.1,0.35,0.1,0.5\nb,Dog,.8,0.25,0.75,0.1,0.6\n",
    "fractions of centres": "file_name,class,conf,cx,cy,w,h\n"
    "a.jpg,cat,.9,.225,.3,.25,.4\nb.jpg,Dog,.8,.5,.35,.5,.5\n",
    "Kaggle": "image_id,PredictionString\na,cat 0.9 20 10 70 50\nb,Dog 0.8 100 30 300 180\n",
    "pandas": "image_id,category_id,score,x,y,width,height\n"
    "1.0,1.0,.9,20,10,50,40\n2.0,2.0,.8,100,30,200,150\n",
    "sides of the picture": "filename,width,height,class,x,y,w,h,score\n"
    "a.jpg,200,100,cat,20,10,50,40,.9\nb.jpg,400,300,Dog,100,30,200,150,.8\n",
    "names in another case": "image,class,score,x,y,w,h\n"
    "a.jpg,Cat,.9,20,10,50,40\nb.jpg,dog,.8,100,30,200,150\n",
}


@pytest.mark.parametrize("kind", TABLES)
def test_tables_of_other_programs(tmp_path: Path, kind: str) -> None:
    table = read(write(tmp_path / "r.csv", TABLES[kind]), two_pictures(tmp_path))
    assert table.images.tolist() == [0, 1] and table.labels.tolist() == [0, 1]
    assert table.scores.tolist() == [0.9, 0.8] and table.layout == "xywh"
    assert table.boxes.tolist() == [pytest.approx(box) for box in BOXES]
    in_fractions = kind in ("Open Images", "fractions of centres")
    assert ("(fractions of the picture)" in table.notes[0]) == in_fractions
    renamed = [note.rpartition(": ")[2] for note in table.notes[1:]]
    assert renamed == ["'Cat' is 'cat', 'dog' is 'Dog'"] * (kind == "names in another case")


def test_a_prediction_string_of_one_class_has_no_names(tmp_path: Path) -> None:
    text = "image_id,PredictionString\na,0.9 20 10 50 40 0.5 1 2 3 4\nb,\n"
    table = read(write(tmp_path / "r.csv", text), two_pictures(tmp_path, ("wheat",)))
    assert table.images.tolist() == [0, 0] and table.scores.tolist() == [0.9, 0.5]
    assert table.boxes.tolist() == [BOXES[0], [1, 2, 3, 4]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "filename,width,height,class,x,y,score\na.jpg,200,100,cat,20,10,.9\n",
            "the columns width and height are the sides of the picture in every line",
        ),
        (
            'image_id,category_id,score,bbox\n1,1,.9,"[20, 10, 50]"\n',
            r"line 2: bbox\[0\] is ''; expected a finite number",
        ),
        ("image_id,PredictionString\na,cat 0.9 20 10 70\n", "line 2: ymax is ''"),
        ("picture,PredictionString\na,cat 0.9 20 10 70 50\n", "no column for image"),
    ],
)
def test_tables_that_cannot_be_meant(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        read(write(tmp_path / "r.csv", text), two_pictures(tmp_path))


def test_classes_that_differ_in_case_alone_are_not_mixed(tmp_path: Path) -> None:
    text = "image,class,score,x,y,w,h\na.jpg,CAT,.9,1,2,3,4\na.jpg,cat,.9,1,2,3,4\n"
    table = read(write(tmp_path / "r.csv", text), two_pictures(tmp_path, ("cat", "Cat")))
    assert table.labels.tolist() == [0] and "left out 1 detection" in table.notes[1]


def test_fractions_in_pictures_of_unknown_size_stay(tmp_path: Path) -> None:
    truth = {"images": [{"id": 1}], "categories": [{"id": 1, "name": "cat"}], "annotations": []}
    text = "image_id,class,score,x1,y1,x2,y2\n1,cat,.9,.1,.2,.3,.5\n"
    table = read(write(tmp_path / "r.csv", text), read_dataset(truth))
    assert table.boxes.tolist() == [pytest.approx([0.1, 0.2, 0.2, 0.3])]
    assert "(pixels from 0, continuous)" in table.notes[0]
