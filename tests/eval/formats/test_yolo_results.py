"""Results of YOLO and its relatives: class names and numbers, orders of columns, subfolders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from eval import Dataset, DetectionTable, EvaluationError, read_dataset, read_detections
from tests.eval.made_formats import Picture, save_blank, write

# In an image of 200 x 100 pixels: a cat at 20, 10, 80, 50 and a dog at 100, 60, 180, 90.
CAT, DOG = "0.25 0.3 0.3 0.4", "0.7 0.75 0.4 0.3"
BOXES = [[20, 10, 60, 40], [100, 60, 80, 30]]


@pytest.fixture
def truth(tmp_path: Path) -> Dataset:
    return made(tmp_path / "truth", "names: [cat, dog]\n")


def made(root: Path, names: str) -> Dataset:
    save_blank(root / "images" / "a.png", Picture("a", 200, 100, []))
    write(root / "labels" / "a.txt", f"0 {CAT}\n1 {DOG}\n")
    write(root / "data.yaml", names)
    return read_dataset(root)


ORDERS = {
    "cx cy w h confidence": f"0 {CAT} .9\n1 {DOG} .8\n",
    "confidence cx cy w h": f"0 .9 {CAT}\n1 .8 {DOG}\n",
    "confidence xmin ymin xmax ymax": "cat .9 20 10 80 50\ndog .8 100 60 180 90\n",
    "confidence x y width height": "cat .9 20 10 60 40\ndog .8 100 60 80 30\n",
    "xmin ymin xmax ymax confidence": "0 20 10 80 50 .9\n1 100 60 180 90 .8\n",
    "x y width height confidence": "0 20 10 60 40 .9\n1 100 60 80 30 .8\n",
}


@pytest.mark.parametrize("order", ORDERS)
def test_the_order_of_the_columns_is_recognised(tmp_path: Path, truth: Dataset, order: str) -> None:
    write(tmp_path / "run" / "a.txt", ORDERS[order])
    table = read_detections(tmp_path / "run", truth)
    assert table.boxes == pytest.approx(np.array(BOXES))
    assert table.labels.tolist() == [0, 1] and table.scores.tolist() == [0.9, 0.8]
    noted = any(f"`class {order}`" in note for note in table.notes)
    assert noted is (order != "cx cy w h confidence")


def test_results_that_find_nothing_are_read_as_yolo_writes_them(
    tmp_path: Path, truth: Dataset
) -> None:
    write(tmp_path / "run" / "a.txt", "0 .9 .1 .1 .1 .5\n")
    assert read_detections(tmp_path / "run", truth).boxes == pytest.approx(
        np.array([[170, 5, 20, 10]])
    )
    write(tmp_path / "run" / "a.txt", "0 600 600 900 900 .5\n")
    with pytest.raises(EvaluationError, match="box is 600 600 900 900; expected cx cy w h"):
        read_detections(tmp_path / "run", truth)


def test_polygons_become_the_box_around_them(tmp_path: Path, truth: Dataset) -> None:
    write(tmp_path / "run" / "a.txt", f"0 .1 .1 .4 .1 .4 .5 .1 .5 .9\n1 {DOG} .8\n")
    assert read_detections(tmp_path / "run", truth).boxes == pytest.approx(np.array(BOXES))


def test_numbers_mean_the_names_of_classes_txt_or_of_names(tmp_path: Path, truth: Dataset) -> None:
    run = tmp_path / "run"
    write(run / "a.txt", f"1 {CAT} .9\n0 {DOG} .8\n2 {DOG} .7\n")
    (note, unknown) = read_detections(run, truth).notes
    assert "positions in the classes of the ground truth, from 0: 0 cat, 1 dog; state" in note
    assert unknown.endswith("ground truth: 2")
    other = write(tmp_path / "model.yaml", "names: {0: dog, 1: cat, 2: cow}\n")
    table = read_detections(run, truth, names=other)
    assert table.labels.tolist() == [0, 1]
    assert "those of model.yaml: 0 dog, 1 cat, 2 cow" in table.notes[0]
    write(run / "classes.txt", "dog\ncat\ncow\n")
    assert read_detections(run, truth).labels.tolist() == [0, 1]
    same = write(tmp_path / "names.txt", "cat\ndog\n")
    assert read_detections(run, truth, names=same).labels.tolist() == [1, 0]


def test_names_are_refused_where_they_mean_nothing(tmp_path: Path, truth: Dataset) -> None:
    names = write(tmp_path / "names.txt", "cat\ndog\n")
    comp4 = write(tmp_path / "comp4_det_test_cat.txt", "a 0.9 1 1 20 20\n")
    for results in (comp4, DetectionTable(*np.empty((4, 0)))):
        with pytest.raises(EvaluationError, match="names state the class numbers of JSON, tables"):
            read_detections(results, truth, names=names)


def test_results_in_subfolders_belong_to_images_in_subfolders(tmp_path: Path) -> None:
    root = tmp_path / "truth"
    for part in ("x", "y"):
        save_blank(root / "images" / part / "a.png", Picture("a", 200, 100, []))
        write(root / "labels" / part / "a.txt", f"0 {CAT}\n")
    write(root / "classes.txt", "cat\n")
    write(tmp_path / "run" / "y" / "a.txt", f"0 {CAT} .9\n")
    assert read_detections(tmp_path / "run", read_dataset(root)).images.tolist() == [1]
    write(tmp_path / "flat" / "a.txt", f"0 {CAT} .9\n")
    with pytest.raises(EvaluationError, match="image 'a' fits several images"):
        read_detections(tmp_path / "flat", read_dataset(root))


@pytest.mark.parametrize("place", ["classes.txt", "labels/classes.txt"])
def test_the_list_of_classes_of_a_run_counts_for_its_labels_too(
    tmp_path: Path, truth: Dataset, place: str
) -> None:
    write(tmp_path / "run" / place, "zebra\ndog\ncat\n")
    write(tmp_path / "run" / "labels" / "a.txt", f"2 {CAT} .9\n1 {DOG} .8\n0 {DOG} .1\n")
    for folder in (tmp_path / "run", tmp_path / "run" / "labels"):
        table = read_detections(folder, truth)
        assert [truth.class_names[label] for label in table.labels] == ["cat", "dog"]
        assert table.notes[-1].endswith("not in the ground truth: zebra")
