"""Records on images or of classes that are not listed: refused, or left out and counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eval import EvaluationError, evaluate, read_dataset, read_detections
from tests.eval.formats.results.small import dataset, results, truth
from tests.eval.made_formats import Picture, save_blank, write

OPTION = "--skip-unlisted (skip_unlisted=True in Python) leaves such records out"
ON_C = {"image_id": 3, "category_id": 1, "bbox": [1, 2, 30, 40], "score": 0.95}
OTHERS = [ON_C, {**ON_C, "image_id": 9}, {**ON_C, "image_id": 3, "score": 0.1}]

# Each format with two detections on c and one on d, neither of which is in the ground truth
CSV = "image,class,score,x,y,w,h\nc.jpg,cat,.9,1,2,30,40\na.jpg,cat,.8,10,10,100,100\n"
FILES = {
    "found.csv": CSV + "d.jpg,cat,.7,1,2,30,40\nc.jpg,cat,.6,1,2,30,40\n",
    "found.txt": "3 1 .9 1 2 30 40\n1 1 .8 10 10 109 109\n9 1 .7 1 2 30 40\n3 1 .6 1 2 30 40\n",
    "comp4_det_test_cat.txt": "c .9 2 3 31 42\na .8 11 11 110 110\n"
    "d .7 2 3 31 42\nc .6 2 3 31 42\n",
}


@pytest.mark.parametrize("name", FILES)
def test_text_results_on_a_part_of_a_data_set(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, FILES[name])
    with pytest.raises(EvaluationError) as refused:
        read_detections(path, dataset())
    assert str(refused.value).endswith(OPTION)
    table = read_detections(path, dataset(), skip_unlisted=True)
    assert table.images.tolist() == [0] and table.scores.tolist() == [0.8]
    assert table.boxes_xywh.tolist() == [[10, 10, 100, 100]]
    names = (
        "'3', '9'" if name == "found.txt" else "'c', 'd'" if "comp4" in name else "'c.jpg', 'd.jpg'"
    )
    assert table.notes[-1].startswith(
        f"left out 3 detections of 2 images that the ground truth does not list: {names} (first: "
    )


def test_yolo_results_on_a_part_of_a_data_set(tmp_path: Path) -> None:
    write(tmp_path / "run" / "a.txt", "0 .1875 .25 .3125 .4166667 .8\n")
    write(tmp_path / "run" / "c.txt", "0 .5 .5 .1 .1 .9\n0 .5 .5 .1 .1 .8\n")
    write(tmp_path / "run" / "d.txt", "")
    with pytest.raises(EvaluationError, match="image 'c' is no image"):
        read_detections(tmp_path / "run", dataset())
    table = read_detections(tmp_path / "run", dataset(), skip_unlisted=True)
    assert table.images.tolist() == [0]
    assert "left out 2 detections of 2 images" in table.notes[-1]


@pytest.mark.parametrize("own_ids", [False, True])
def test_json_results_on_a_part_of_a_data_set(own_ids: bool) -> None:
    found: Any = [*results(), *OTHERS]
    if own_ids:
        names = {1: "a.jpg", 2: "b.jpg", 3: "c.jpg", 9: "d.jpg"}
        images = [{"id": i, "file_name": name} for i, name in names.items()]
        found = {"images": images, "annotations": found}
    with pytest.raises(EvaluationError) as refused:
        read_detections(found, dataset())
    assert "image_id 3 is not listed" in str(refused.value) and OPTION in str(refused.value)
    report = evaluate(found, dataset(), "coco", skip_unlisted=True)
    assert report.map == 1
    place = "detections: annotations[3]" if own_ids else "detections: record[3]"
    assert (
        "left out 3 detections of 2 images that the ground truth does not list: 3, 9 "
        f"(first: {place})"
    ) in report.notes


def test_results_without_any_listed_image_are_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="image_id 3 is not listed"):
        read_detections(OTHERS, dataset(), skip_unlisted=True)
    path = write(tmp_path / "found.csv", "image,class,score,x,y,w,h\nc.jpg,cat,.9,1,2,30,40\n")
    with pytest.raises(EvaluationError, match="no detection is left: left out 1 "):
        read_detections(path, dataset(), skip_unlisted=True)


def test_stems_of_a_part_are_matched_before_anything_is_left_out() -> None:
    found = [*results(("a", "b")), {**ON_C, "image_id": "c"}]
    table = read_detections(found, dataset(), skip_unlisted=True)
    assert table.images.tolist() == [0, 0, 1]
    assert "read as names of files: 'a' is the image a.jpg; left out 1 detection" in table.notes[0]


def test_other_faults_are_refused_as_ever(tmp_path: Path) -> None:
    path = write(tmp_path / "found.csv", FILES["found.csv"].replace(".8,", "?,"))
    with pytest.raises(EvaluationError, match="score is '\\?'"):
        read_detections(path, dataset(), skip_unlisted=True)
    same = dataset(files=("x/a.jpg", "y/a.jpg"))
    path = write(tmp_path / "both.csv", "image,class,score,x,y,w,h\na.jpg,cat,.9,1,2,30,40\n")
    with pytest.raises(EvaluationError, match="fits several images"):
        read_detections(path, same, skip_unlisted=True)


@pytest.mark.parametrize("from_file", [False, True])
def test_annotations_on_unlisted_images(tmp_path: Path, from_file: bool) -> None:
    content = truth()
    content["annotations"] += [{**ON_C, "image_id": i} for i in (7, 8, 7)]
    source: Any = content
    if from_file:
        source = write(tmp_path / "truth.json", json.dumps(content))
    with pytest.raises(EvaluationError) as refused:
        read_dataset(source)
    assert "image_id 7 is not listed" in str(refused.value) and OPTION in str(refused.value)
    data = read_dataset(source, skip_unlisted=True)
    assert len(data.all_truths) == 3 and evaluate(results(), data, "coco").map == 1
    assert (
        "left out 3 annotations of 2 images that the ground truth does not list: 7, 8"
        in (data.notes[0])
    )
    for annotation in content["annotations"]:
        annotation["image_id"] = 7
    with pytest.raises(EvaluationError, match="image_id 7 is not listed"):
        read_dataset(content, skip_unlisted=True)


def test_objects_of_a_class_without_a_name(tmp_path: Path) -> None:
    root = tmp_path / "truth"
    save_blank(root / "images" / "a.png", Picture("a", 200, 100, []))
    write(root / "labels" / "a.txt", "0 .5 .5 .2 .2\n7 .5 .5 .4 .4\n")
    write(root / "data.yaml", "names: [cat]\n")
    with pytest.raises(EvaluationError, match="class is 7; expected a whole number from 0 to 0"):
        read_dataset(root)
    data = read_dataset(root, skip_unlisted=True)
    assert data.all_truths.labels.tolist() == [0]
    assert data.notes[-1].startswith("left out 1 object of 1 class that the ground truth")
