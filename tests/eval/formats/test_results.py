"""Results as text: VOC comp4, ILSVRC submission, YOLO."""

from __future__ import annotations

import gzip
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval import Dataset, EvaluationError, read_dataset
from tests.eval.cases import published
from tests.eval.made_formats import EXAMPLE, write, write_ilsvrc, write_voc, write_yolo
from tests.eval.results import Found, read

coordinates = st.floats(-50, 900, allow_subnormal=False)
founds = st.lists(
    st.builds(
        Found, st.integers(0, 2), st.integers(0, 2), st.floats(-1e9, 1e9), *[coordinates] * 4
    ),
    min_size=1,
    max_size=8,
)


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
    assert len(table) == 2 and table.notes == ("no file for 1 class: domestic cat",)
    alone = read(folder / "comp4_det_test_dog.txt", dataset)
    assert alone.labels.tolist() == [1] and alone.images.tolist() == [2]
    write(folder / "comp4_det_test_zebra.txt", "2008_000000 .5 1 2 3 4\n" * 2)
    table = read(folder, dataset)
    assert len(table) == 2
    assert "left out 2 detections of classes that are not in the ground truth" in table.notes[1]
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
    assert f"kept {negative.sum()} boxes with max below min" in table.notes[0]


# --- YOLO -----------------------------------------------------------------------------------


def test_yolo_results_are_pixels_of_the_ground_truth(tmp_path: Path) -> None:
    dataset = read_dataset(write_yolo(tmp_path / "truth", EXAMPLE))
    write(tmp_path / "run" / "labels" / "2008_000000.txt", "1 .5 .5 .2 .5 .75\n0 .1 .1 .2 .2 .5\n")
    write(tmp_path / "run" / "labels" / "2008_000002.txt", "7 .5 .5 .5 .5 .25\n")
    table = read(tmp_path / "run", dataset)
    assert table.boxes.tolist() == [[20, 10, 10, 20], [0, 0, 10, 8]]
    assert table.labels.tolist() == [1, 0] and table.images.tolist() == [0, 0]
    assert table.scores.tolist() == [0.75, 0.5]
    assert table.notes[1].endswith("ground truth: 7")
    write(tmp_path / "run" / "labels" / "2008_000001.txt", "1 .5 .5 .2 .5\n")
    with pytest.raises(EvaluationError, match=r"2008_000001\.txt: line 1: 5 columns; expected 6"):
        read(tmp_path / "run", dataset)
    write(tmp_path / "run" / "labels" / "2008_000001.txt", "")
    write(tmp_path / "run" / "labels" / "other.txt", "1 .5 .5 .2 .5 .5\n")
    with pytest.raises(EvaluationError, match=r"other\.txt: line 1: image 'other' is no image"):
        read(tmp_path / "run", dataset)


# --- all of them ----------------------------------------------------------------------------

LINES: dict[str, tuple[str, str]] = {
    "comp4_det_test_dog.txt": ("2008_000000 .5 1 2 3 4", "2008_000000 .5 5 2 3 4"),
    "sub.txt": ("11 1 .5 1 2 3 4", "11 1 .5 5 2 3 4"),
}


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize(
    ("place", "word", "message"),
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
    tmp_path: Path, name: str, place: int, word: str, message: str | None
) -> None:
    maker: Any = write_voc if name.startswith("comp4") else write_ilsvrc
    if name.startswith("comp4") and word == "4 4":  # names of images may have blanks
        message = "image '2008_000000 .5' is no image of the ground truth"
    dataset = read_dataset(maker(tmp_path, EXAMPLE))
    good = LINES[name][0]
    words = good.split()
    words[place] = word
    path = write(tmp_path / name, f"{good}\n\n{good}\n{' '.join(words)}\n{good}\n")
    with pytest.raises(EvaluationError) as caught:
        read(path, dataset)
    assert str(caught.value).startswith(f"{name}: line 4: ")
    assert (message or "nowhere") in str(caught.value)


@pytest.mark.parametrize("name", LINES)
def test_negative_sides_are_kept_and_noted(tmp_path: Path, name: str) -> None:
    maker: Any = write_voc if name.startswith("comp4") else write_ilsvrc
    dataset = read_dataset(maker(tmp_path, EXAMPLE))
    path = write(tmp_path / name, "\n".join([*LINES[name], LINES[name][1]]))
    table = read(path, dataset)
    assert table.boxes[1].tolist() == [5, 2, 3, 4] and len(table) == 3
    assert any("2 boxes with max below min" in n and "line 2" in n for n in table.notes)


@pytest.mark.parametrize("name", LINES)
def test_an_empty_file_holds_no_detections(tmp_path: Path, name: str) -> None:
    from eval.formats.results.ilsvrc import read_ilsvrc_submission
    from eval.formats.results.voc import read_comp4

    maker: Any = write_voc if name.startswith("comp4") else write_ilsvrc
    dataset = read_dataset(maker(tmp_path, EXAMPLE))
    reader = read_comp4 if name.startswith("comp4") else read_ilsvrc_submission
    assert len(reader(write(tmp_path / name, "\n"), dataset)) == 0


def test_an_unknown_index_of_a_submission(tmp_path: Path) -> None:
    dataset = read_dataset(write_ilsvrc(tmp_path, EXAMPLE))
    for index in ("12", "11.5", "1e300"):
        path = write(tmp_path / "sub.txt", f"11 1 .5 1 2 3 4\n{index} 1 .5 1 2 3 4\n")
        with pytest.raises(
            EvaluationError, match=r"sub\.txt: line 2: image_index .* is not in the ground truth"
        ):
            read(path, dataset)
    path = write(tmp_path / "sub.txt", "11 1 .5 1 2 3 4\n11 201 .5 1 2 3 4\n")
    table = read(path, dataset)
    assert len(table) == 1 and table.notes[0].endswith("ground truth: 201")
    with pytest.raises(EvaluationError, match=r"none of its classes \(201\)"):
        read(write(tmp_path / "sub.txt", "11 201 .5 1 2 3 4\n"), dataset)
