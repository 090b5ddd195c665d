"""Results as text: VOC comp4, ILSVRC submission, CSV, YOLO; each finds its images and classes."""

from __future__ import annotations

import gzip
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval import Dataset, EvaluationError, read_dataset
from eval.detections import DetectionTable
from eval.formats import results_reader_of
from tests.eval.cases import dataset_of, published
from tests.eval.made_formats import CLASSES, EXAMPLE, write, write_ilsvrc, write_voc, write_yolo


class Found(NamedTuple):
    """A detection: rows of image and class, score, first and last pixel counted from 0."""

    image: int
    label: int
    score: float
    xmin: float
    ymin: float
    xmax: float
    ymax: float


coordinates = st.floats(-50, 900, allow_subnormal=False)
founds = st.lists(
    st.builds(
        Found, st.integers(0, 2), st.integers(0, 2), st.floats(-1e9, 1e9), *[coordinates] * 4
    ),
    min_size=1,
    max_size=8,
)


def read(path: Path | str, dataset: Dataset) -> DetectionTable:
    reader = results_reader_of(path)
    assert reader is not None
    return reader(path, dataset)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return read_dataset(write_voc(tmp_path / "truth", EXAMPLE))


# --- VOC comp4 ------------------------------------------------------------------------------


def write_comp4(folder: Path, dataset: Dataset, found: list[Found]) -> Path:
    for label, name in enumerate(dataset.class_names):
        lines = [
            f"{dataset.images[one.image].id} {one.score!r} {one.xmin!r} {one.ymin!r} "
            f"{one.xmax!r} {one.ymax!r}\n"
            for one in found
            if one.label == label
        ]
        write(folder / f"comp4_det_test_{name}.txt", "".join(lines))
    return folder


@given(founds)
@settings(max_examples=40, deadline=None)
def test_comp4_is_read_as_written(found: list[Found]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        dataset = read_dataset(write_voc(Path(folder) / "truth", EXAMPLE))
        table = read(write_comp4(Path(folder) / "results", dataset, found), dataset)
    found = sorted(found, key=lambda one: one.label)
    assert table.labels.tolist() == [one.label for one in found] and table.layout == "inclusive1"
    assert table.images.tolist() == [one.image for one in found]
    assert table.scores.tolist() == [one.score for one in found]
    assert table.boxes.tolist() == [list(one[3:]) for one in found]
    assert (table.images.dtype, table.labels.dtype) == (np.int32, np.int32)


def test_comp4_by_folder_pattern_or_file(dataset: Dataset, tmp_path: Path) -> None:
    found = [Found(0, 0, 0.5, 1, 2, 3, 4), Found(2, 1, 0.25, 5, 6, 7, 8)]
    folder = write_comp4(tmp_path / "results", dataset, found)
    (folder / "comp4_det_test_domestic cat.txt").unlink()
    table = read(str(folder / "comp4_det_test_*.txt"), dataset)
    assert len(table) == 2 and table.notes == ("no file for 1 classes: domestic cat",)
    alone = read(folder / "comp4_det_test_dog.txt", dataset)
    assert alone.labels.tolist() == [1] and alone.images.tolist() == [2]
    write(folder / "comp4_det_test_zebra.txt", "2008_000000 .5 1 2 3 4\n" * 2)
    table = read(folder, dataset)
    assert len(table) == 2
    assert "2 detections of classes that the ground truth does not know" in table.notes[1]
    assert table.notes[1].endswith("zebra")
    with pytest.raises(EvaluationError, match=r"none of its classes \(zebra\)"):
        read(folder / "comp4_det_test_zebra.txt", dataset)


@pytest.mark.parametrize("other", ["comp3_det_test_dog.txt", "comp4_det_test_dog.txt.gz"])
def test_two_files_of_one_class_are_refused(dataset: Dataset, tmp_path: Path, other: str) -> None:
    folder = write_comp4(tmp_path / "results", dataset, [Found(0, 1, 0.5, 1, 2, 3, 4)])
    content = (folder / "comp4_det_test_dog.txt").read_bytes()
    (folder / other).write_bytes(gzip.compress(content) if other.endswith(".gz") else content)
    with pytest.raises(EvaluationError, match="results: two files of the class 'dog', ") as caught:
        read(folder, dataset)
    assert f" {other}" in str(caught.value) and " comp4_det_test_dog.txt" in str(caught.value)
    assert len(read(folder / other, dataset)) == 1
    (folder / other).unlink()
    assert len(read(str(folder / "comp4_*"), dataset)) == 1


def test_images_go_by_id_name_or_stem(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, [], 3, ["dog", "hot dog"])  # ids 1.., names 1.jpg ..
    file = write(tmp_path / "comp4_det_val_hot dog.txt", "3 .5 1 1 2 2\n2.jpg .5 1 1 2 2\n")
    table = read(file, dataset)
    assert table.images.tolist() == [2, 1] and table.labels.tolist() == [1, 1]


def counted_otherwise(folder: Path) -> Dataset:
    """Pictures 0.jpg, 1.jpg, 2.jpg with the ids 1, 2, 3."""
    dataset = dataset_of(folder, [], 3, ["dog"])
    images = [image._replace(file_name=f"{row}.jpg") for row, image in enumerate(dataset.images)]
    return replace(dataset, images=tuple(images))


@pytest.mark.parametrize(
    ("names", "rows", "said"),
    [
        (["0", "1", "2"], [0, 1, 2], "file names, which more of the names fit, though '1' is the"),
        (["3", "2", "1"], [2, 1, 0], "ids, which more of the names fit, though '2' is the id of"),
        (["1.jpg", "2.jpg"], [1, 2], None),
    ],
)
def test_all_names_of_a_result_are_meant_one_way(
    tmp_path: Path, names: list[str], rows: list[int], said: str | None
) -> None:
    dataset = counted_otherwise(tmp_path)
    lines = "".join(f"{name} .5 1 1 2 2\n" for name in names)
    comp4 = read(write(tmp_path / "comp4_det_val_dog.txt", lines), dataset)
    cells = "".join(f"{name},dog,.5,1,1,2,2\n" for name in names)
    table = read(write(tmp_path / "r.csv", f"image,class,score,x,y,w,h\n{cells}"), dataset)
    assert comp4.images.tolist() == table.images.tolist() == rows
    for notes in (comp4.notes, table.notes[1:]):
        assert len(notes) == (said is not None)
        assert not said or f"images were read as {said}" in notes[0]


def test_names_that_fit_both_ways(tmp_path: Path) -> None:
    dataset = counted_otherwise(tmp_path)
    asked = "are its images ids or file names? '1' is the id of 0.jpg and the name of 1.jpg; "
    file = write(tmp_path / "comp4_det_val_dog.txt", "1 .5 1 1 2 2\n2 .5 1 1 2 2\n")
    with pytest.raises(EvaluationError) as caught:
        read(file, dataset)
    assert str(caught.value) == f"{file.name}: {asked}write file names with their suffix"
    rows = "class,score,x,y,w,h\n1,dog,.5,1,1,2,2\n2,dog,.5,1,1,2,2\n"
    with pytest.raises(EvaluationError) as caught:
        read(write(tmp_path / "r.csv", f"image,{rows}"), dataset)
    assert str(caught.value) == f"r.csv: {asked}call the column image_id or file_name"
    table = read(write(tmp_path / "r.csv", f"image_id,{rows}"), dataset)
    assert table.images.tolist() == [0, 1]
    assert "read as ids, as the column 'image_id' says, though '1' is" in table.notes[1]
    table = read(write(tmp_path / "r.csv", f"file_name,{rows}"), dataset)
    assert table.images.tolist() == [1, 2]
    # Nobody says that a number is an id where file names are announced.
    with pytest.raises(EvaluationError, match="line 2: file_name '3' is an id of the ground truth"):
        read(write(tmp_path / "r.csv", f"file_name,{rows}".replace("1,dog", "3,dog")), dataset)


def test_names_of_both_kinds_are_refused(tmp_path: Path) -> None:
    dataset = counted_otherwise(tmp_path)
    lines = "".join(f"{name} .5 1 1 2 2\n" for name in ("0", "2.jpg", "3"))
    with pytest.raises(EvaluationError, match="line 3: image '3' is an id of the ground truth; wr"):
        read(write(tmp_path / "comp4_det_val_dog.txt", lines), dataset)


# --- ILSVRC submission ----------------------------------------------------------------------


@given(founds, st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_submission_is_read_as_written(found: list[Found], packed: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        dataset = read_dataset(write_ilsvrc(Path(folder), EXAMPLE))
        lines = [
            f"{dataset.images[one.image].id} {one.label + 1} " + " ".join(map(repr, one[2:]))
            for one in found
        ]
        path = write(Path(folder) / "sub.txt", "\r\n".join(lines))
        if packed:
            path.with_suffix(".gz").write_bytes(gzip.compress(path.read_bytes()))
            path = path.with_suffix(".gz")
        table = read(path, dataset)
    assert table.labels.tolist() == [one.label for one in found] and table.layout == "inclusive0"
    assert table.images.tolist() == [one.image for one in found]
    assert table.scores.tolist() == [one.score for one in found]
    assert table.boxes.tolist() == [list(one[3:]) for one in found]


@pytest.mark.parametrize(
    "number",
    ["1", "+1", ".5", "5.", "1e3", "1E-3", "007", "-0", "0.1234567890123456789012", "1e-70"],
)
def test_numbers_in_any_spelling(tmp_path: Path, number: str) -> None:
    dataset = read_dataset(write_ilsvrc(tmp_path, EXAMPLE))
    path = write(tmp_path / "sub.txt", f"\n 11\t1 {number} 1 2 3 {number} \n\n21 2 .1 1 1 1 1")
    table = read(path, dataset)
    assert table.scores.tolist() == [float(number), 0.1] and table.boxes[0, 3] == float(number)
    assert table.images.tolist() == [0, 1]


def test_the_published_demo() -> None:
    folder = published("ilsvrc_det_val2_xml")
    dataset = read_dataset(folder, split="val2")
    path = folder / "demo.val2.pred.det.txt.gz"
    table = read(path, dataset)
    plain = np.loadtxt(path)
    assert len(table) == 23590
    assert np.array_equal(table.boxes, plain[:, 3:]) and np.array_equal(table.scores, plain[:, 2])
    assert np.array_equal(table.labels + 1, plain[:, 1])
    assert [dataset.images[i].id for i in table.images] == plain[:, 0].tolist()
    negative = (plain[:, 5] < plain[:, 3]) | (plain[:, 6] < plain[:, 4])
    assert f"{negative.sum()} boxes end before they begin" in table.notes[0]


# --- CSV ------------------------------------------------------------------------------------

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
    for found, said in (("012", True), ("02", True), ("123", False), ("0124", False)):
        rows = "".join(row.format(number) for number in found)
        notes = read(write(tmp_path / "r.csv", header + rows), dataset).notes
        assert any(note.endswith(": 0; ids seem to be one too small") for note in notes) == said
    if column == "class_id":
        with pytest.raises(EvaluationError, match=r"none of its classes \(0\) .* one too small$"):
            read(write(tmp_path / "r.csv", header + row.format(0)), dataset)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image,class,x,y,w,h\n", "line 1: no column for score; the columns are image, class, x"),
        ("a,b\n", "line 1: no column for image, class, score, box"),
        ("image,class,score,x,y,w,h,score\n", "line 1: column 'score' comes twice"),
        ("image,class,score,x,y,w,h\n1,dog,.5,1,1\n", "line 2: 5 columns; the first line names 7"),
        ("image,class,score,x,y,w,h\n\n1,dog,,1,1,1,1\n", "line 3: score is ''; expected a finite"),
        ("image,class,score,x,y,w,h\n1,dog,.5,1,nan,1,1\n", "line 2: y is 'nan'"),
        ("image,class,score,x,y,w,h\n7,dog,.5,1,1,1,1\n", "line 2: image '7' is no image"),
        ("image,class,score,x,y,w,h\n1,cow,.5,1,1,1,1\n", "none of its classes (cow)"),
    ],
)
def test_faults_of_a_table(tmp_path: Path, text: str, said: str) -> None:
    dataset = dataset_of(tmp_path, [], 3, ["dog"])
    with pytest.raises(EvaluationError) as caught:
        read(write(tmp_path / "r.csv", text), dataset)
    assert str(caught.value).startswith("r.csv: ") and said in str(caught.value)


# --- YOLO -----------------------------------------------------------------------------------


def test_yolo_results_are_pixels_of_the_ground_truth(tmp_path: Path) -> None:
    dataset = read_dataset(write_yolo(tmp_path / "truth", EXAMPLE))
    write(tmp_path / "run" / "labels" / "2008_000000.txt", "1 .5 .5 .2 .5 .75\n0 .1 .1 .2 .2 .5\n")
    write(tmp_path / "run" / "labels" / "2008_000002.txt", "7 .5 .5 .5 .5 .25\n")
    table = read(tmp_path / "run", dataset)
    assert table.boxes.tolist() == [[20, 10, 10, 20], [0, 0, 10, 8]]
    assert table.labels.tolist() == [1, 0] and table.images.tolist() == [0, 0]
    assert table.scores.tolist() == [0.75, 0.5]
    assert table.notes[1].endswith("left out: 7")
    write(tmp_path / "run" / "labels" / "2008_000001.txt", "1 .5 .5 .2 .5\n")
    with pytest.raises(EvaluationError, match=r"2008_000001\.txt: line 1: 5 columns; expected 6"):
        read(tmp_path / "run", dataset)
    write(tmp_path / "run" / "labels" / "2008_000001.txt", "")
    write(tmp_path / "run" / "labels" / "other.txt", "1 .5 .5 .2 .5 .5\n")
    with pytest.raises(EvaluationError, match=r"other\.txt: line 1: image 'other' is no image"):
        read(tmp_path / "run", dataset)


def test_file_names_of_several_pictures_leave_ids_alone(tmp_path: Path) -> None:
    truth = dataset_of(tmp_path, [], 4, ["red"])
    names = [f"cam{camera}/{number}.jpg" for number in (1, 2) for camera in (1, 2)]
    images = [i._replace(file_name=n) for i, n in zip(truth.images, names, strict=True)]
    path = write(
        tmp_path / "found.csv",
        "image,class,score,x,y,width,height\n1,red,1,0,0,9,9\n2,red,1,0,0,9,9\n",
    )
    found = read(path, replace(truth, images=tuple(images)))
    assert found.images.tolist() == [0, 1]


def test_yolo_results_are_named_after_pictures(tmp_path: Path) -> None:
    dataset = counted_otherwise(tmp_path)
    for stem in ("1", "2"):  # which are ids, too
        write(tmp_path / "run" / f"{stem}.txt", "0 .5 .5 .2 .5 .75\n")
    table = read(tmp_path / "run", dataset)
    assert table.images.tolist() == [1, 2] and len(table.notes) == 1
    write(tmp_path / "run" / "3.txt", "0 .5 .5 .2 .5 .75\n")
    with pytest.raises(EvaluationError, match=r"3\.txt: line 1: image '3' is an id of the ground"):
        read(tmp_path / "run", dataset)


# --- all of them ----------------------------------------------------------------------------

LINES: dict[str, tuple[str, str]] = {
    "comp4_det_test_dog.txt": ("2008_000000 .5 1 2 3 4", "2008_000000 .5 5 2 3 4"),
    "sub.txt": ("11 1 .5 1 2 3 4", "11 1 .5 5 2 3 4"),
}


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize(
    ("place", "word", "said"),
    [
        (0, "nowhere", None),
        (-5, "high", "is 'high'; expected a finite number"),
        (-5, "nan", "is 'nan'; expected a finite number"),
        (-1, "-inf", "ymax is '-inf'; expected a finite number"),
        (-1, "4 4", "columns; expected"),
        (-1, "", "columns; expected"),
        (-1, "4,5", "ymax is '4,5'"),
        (-1, "1\x002", "ymax is"),
    ],
)
def test_faults_name_file_and_line(
    tmp_path: Path, name: str, place: int, word: str, said: str | None
) -> None:
    maker: Any = write_voc if name.startswith("comp4") else write_ilsvrc
    dataset = read_dataset(maker(tmp_path, EXAMPLE))
    good = LINES[name][0]
    words = good.split()
    words[place] = word
    path = write(tmp_path / name, f"{good}\n\n{good}\n{' '.join(words)}\n{good}\n")
    with pytest.raises(EvaluationError) as caught:
        read(path, dataset)
    assert str(caught.value).startswith(f"{name}: line 4: ")
    assert (said or "nowhere") in str(caught.value)


@pytest.mark.parametrize("name", LINES)
def test_negative_sides_are_kept_and_noted(tmp_path: Path, name: str) -> None:
    maker: Any = write_voc if name.startswith("comp4") else write_ilsvrc
    dataset = read_dataset(maker(tmp_path, EXAMPLE))
    path = write(tmp_path / name, "\n".join([*LINES[name], LINES[name][1]]))
    table = read(path, dataset)
    assert table.boxes[1].tolist() == [5, 2, 3, 4] and len(table) == 3
    assert any("2 boxes end before they begin" in n and "line 2" in n for n in table.notes)


@pytest.mark.parametrize("name", LINES)
def test_an_empty_file_holds_no_detections(tmp_path: Path, name: str) -> None:
    from eval.formats.comp4 import read_comp4
    from eval.formats.ilsvrc_submission import read_ilsvrc_submission

    maker: Any = write_voc if name.startswith("comp4") else write_ilsvrc
    dataset = read_dataset(maker(tmp_path, EXAMPLE))
    reader = read_comp4 if name.startswith("comp4") else read_ilsvrc_submission
    assert len(reader(write(tmp_path / name, "\n"), dataset)) == 0


def test_an_unknown_index_of_a_submission(tmp_path: Path) -> None:
    dataset = read_dataset(write_ilsvrc(tmp_path, EXAMPLE))
    for index in ("12", "11.5", "1e300"):
        path = write(tmp_path / "sub.txt", f"11 1 .5 1 2 3 4\n{index} 1 .5 1 2 3 4\n")
        with pytest.raises(EvaluationError, match=r"sub\.txt: line 2: image_index .* is no image"):
            read(path, dataset)
    path = write(tmp_path / "sub.txt", "11 1 .5 1 2 3 4\n11 201 .5 1 2 3 4\n")
    table = read(path, dataset)
    assert len(table) == 1 and table.notes[0].endswith("left out: 201")
    with pytest.raises(EvaluationError, match=r"none of its classes \(201\)"):
        read(write(tmp_path / "sub.txt", "11 201 .5 1 2 3 4\n"), dataset)
