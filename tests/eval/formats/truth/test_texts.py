"""Text files of KITTI and of Cartucho's and Padilla's evaluators."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval import EvaluationError, evaluate, read_dataset
from eval.formats.recognised import reader_of
from tests.eval.made_formats import Picture, save_blank, write

CAR = "Car 0.00 0 -1.58 587.01 173.33 614.12 200.12 1.65 1.67 3.64 -0.65 1.71 46.70 -1.59"
DONT_CARE = "DontCare -1 -1 -10 503.89 169.71 590.61 190.13 -1 -1 -1 -1000 -1000 -1000 -10"


def test_kitti(tmp_path: Path) -> None:
    folder = tmp_path / "label_2"
    write(folder / "000000.txt", f"{CAR}\n{DONT_CARE}\n")
    write(folder / "000001.txt", CAR.replace("Car", "Cyclist"))
    write(folder / "000002.txt", "")
    save_blank(tmp_path / "image_2" / "000000.png", Picture("a", 1224, 370, []))
    dataset = read_dataset(folder)
    assert dataset.images[0] == ("000000", "000000.png", 370, 1224)
    assert dataset.pictures == tmp_path / "image_2"
    assert dataset.class_names == ("Car", "Cyclist")
    assert dataset.all_truths.labels.tolist() == [0, 0, 1, 1]
    assert dataset.all_truths.crowd.tolist() == [False, True, True, False]
    assert dataset.truths(0).boxes_xyxy[0].tolist() == pytest.approx(
        [587.01, 173.33, 614.12, 200.12]
    )
    assert "1 region DontCare counts as a crowd of every class" in dataset.notes


def test_detections_in_a_region_dont_care_are_not_false(tmp_path: Path) -> None:
    write(tmp_path / "000000.txt", f"{CAR}\n{DONT_CARE}\n")
    dataset = read_dataset(tmp_path)
    inside = {"image_id": "000000", "category_id": 1, "bbox": [510, 170, 20, 15], "score": 0.9}
    right = {**inside, "bbox": [587.01, 173.33, 27.11, 26.79], "score": 0.8}
    assert evaluate([inside, right], dataset, protocol="coco").map == pytest.approx(1)
    outside = {**inside, "bbox": [10, 170, 20, 15]}
    assert evaluate([outside, right], dataset, protocol="coco").map == pytest.approx(0.5)


def test_folders_of_kitti_as_datumaro_writes_them(tmp_path: Path) -> None:
    """Its pictures may have subfolders, and a score of 1.0 follows the 15 columns."""
    write(tmp_path / "training" / "label_2" / "in" / "a.txt", f"{CAR} 1.0\n")
    write(tmp_path / "training" / "label_2" / "b.txt", f"{CAR} 1.0\n")
    for name in ("in/a", "b"):
        picture = Picture(name, 1224, 370, [])
        save_blank(tmp_path / "training" / "image_2" / f"{name}.png", picture)
    for place in (tmp_path, tmp_path / "training", tmp_path / "training" / "label_2"):
        dataset = read_dataset(place)
        assert [one.file_name for one in dataset.images] == ["b.png", "in/a.png"]
        assert len(dataset.all_truths) == 2


def test_lines_of_kitti_that_are_none(tmp_path: Path) -> None:
    write(tmp_path / "0.txt", f"{CAR}\nCar 1 2\n")
    with pytest.raises(EvaluationError, match=r"0\.txt: line 2: 3 columns; expected 15"):
        read_dataset(tmp_path)


def texts(folder: Path, *files: str) -> Path:
    for number, content in enumerate(files):
        write(folder / f"{number}.txt", content)
    return folder


def test_cartucho(tmp_path: Path) -> None:
    """The lines of the project's own README."""
    texts(
        tmp_path / "input" / "ground-truth",
        "tvmonitor 2 10 173 238\nbook 439 157 556 241\nbook 437 246 518 351 difficult\n",
        "",
    )
    write(tmp_path / "input" / "detection-results" / "0.txt", "tvmonitor 0.47 0 13 174 244\n")
    for place in (tmp_path, tmp_path / "input", tmp_path / "input" / "ground-truth"):
        dataset = read_dataset(place)
        assert dataset.class_names == ("book", "tvmonitor")
        assert [len(dataset.truths(row)) for row in range(2)] == [3, 0]
        assert dataset.all_truths.boxes_xyxy.tolist()[0] == [2, 10, 173, 238]
        assert dataset.all_truths.difficult.tolist() == [False, False, True]
        assert dataset.notes[0].startswith("lines were read as `class xmin ymin xmax ymax`")


def test_sides_are_certain_if_one_box_is_smaller_than_its_corner(tmp_path: Path) -> None:
    dataset = read_dataset(texts(tmp_path, "cat 10 10 100 100\ntwo words 150 50 80 60\n"))
    assert dataset.all_truths.boxes.tolist() == [[10, 10, 100, 100], [150, 50, 80, 60]]
    assert dataset.class_names == ("cat", "two words")
    assert dataset.notes[0].startswith("lines were read as `class x y width height`")


def test_corners_are_certain_if_a_box_would_leave_its_picture(tmp_path: Path) -> None:
    texts(tmp_path / "labels", "cat 150 50 230 110\n")
    save_blank(tmp_path / "images" / "0.png", Picture("0", 320, 240, []))
    dataset = read_dataset(tmp_path / "labels")
    assert dataset.all_truths.boxes_xyxy.tolist() == [[150, 50, 230, 110]]
    assert dataset.images[0] == ("0", "0.png", 240, 320)


def test_corners_are_certain_if_many_boxes_could_be_corners(tmp_path: Path) -> None:
    dataset = read_dataset(texts(tmp_path, "cat 10 20 110 70\n" * 30))
    assert dataset.all_truths.boxes_xyxy[0].tolist() == [10, 20, 110, 70]


def test_what_can_be_both_must_be_stated(tmp_path: Path) -> None:
    folder = texts(tmp_path / "groundtruths", "cat 10 20 110 70\n")
    with pytest.raises(EvaluationError, match="can be xmin ymin xmax ymax as well as x y width"):
        read_dataset(tmp_path)
    assert read_dataset(folder, boxes="corners").all_truths.boxes.tolist() == [[10, 20, 100, 50]]
    assert read_dataset(folder, boxes="sides").all_truths.boxes.tolist() == [[10, 20, 110, 70]]
    with pytest.raises(EvaluationError, match="boxes is 'xyxy'; expected 'corners' or 'sides'"):
        read_dataset(folder, boxes="xyxy")


def test_fractions_need_the_picture(tmp_path: Path) -> None:
    folder = texts(tmp_path, "cat .5 .5 .25 .5\n")
    with pytest.raises(EvaluationError, match=r"0\.jpg: boxes are fractions of the picture"):
        read_dataset(folder)
    save_blank(tmp_path / "0.png", Picture("0", 320, 240, []))
    assert read_dataset(folder).all_truths.boxes.tolist() == [[120, 60, 80, 120]]


def test_numbers_are_classes_of_the_list(tmp_path: Path) -> None:
    folder = texts(tmp_path, "1 150 50 80 60\n0 1 2 30 40\n")
    write(folder / "classes.txt", "cat\ndog\n")
    dataset = read_dataset(folder)
    assert dataset.class_names == ("cat", "dog")
    assert dataset.all_truths.labels.tolist() == [1, 0]


@pytest.mark.parametrize(
    "content", ["cat 0.9 10 10 110 110\n", "0 0.5 0.5 0.25 0.25\n", "a b c d e\n", "cat 1 2 3\n"]
)
def test_texts_of_other_kinds_are_not_taken(tmp_path: Path, content: str) -> None:
    with pytest.raises(EvaluationError, match="cannot be read as a data set"):
        reader_of(texts(tmp_path, content))


def test_a_line_of_another_kind(tmp_path: Path) -> None:
    folder = texts(tmp_path, "cat 150 50 80 60\ncat 0.9 10 10 110 110\n")
    with pytest.raises(EvaluationError, match=r"0\.txt: line 2: expected a class and 4 numbers"):
        read_dataset(folder)


SIDES = st.integers(0, 500)


@settings(deadline=None)
@given(st.lists(st.tuples(SIDES, SIDES, SIDES, SIDES), min_size=1, max_size=5))
def test_corners_are_never_read_as_sides_nor_sides_as_corners(
    tmp_path_factory: pytest.TempPathFactory, boxes: list[tuple[int, int, int, int]]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    save_blank(folder / "images" / "0.png", Picture("0", 1000, 1000, []))
    as_sides = "".join(f"cat {x} {y} {w} {h}\n" for x, y, w, h in boxes)
    as_corners = "".join(f"cat {x} {y} {x + w} {y + h}\n" for x, y, w, h in boxes)
    for content in (as_sides, as_corners):
        try:
            dataset = read_dataset(texts(folder / "labels", content), boxes=None)
        except EvaluationError as error:
            assert "can be xmin ymin xmax ymax as well as x y width" in str(error) or (
                "cannot be read" in str(error)
            )
        else:
            assert dataset.all_truths.boxes.tolist() == [list(map(float, box)) for box in boxes]
