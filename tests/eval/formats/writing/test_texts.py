"""The text of one image in each format, against values worked out by hand."""

from __future__ import annotations

import csv
import io
import warnings
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from eval import read_dataset
from eval.errors import EvaluationError
from eval.formats.writing.coco import coco_dataset
from eval.formats.writing.csv import csv_text
from eval.formats.writing.label_studio import label_studio_config, label_studio_tasks
from eval.formats.writing.labelled_image import LabelledImage, rounded
from eval.formats.writing.voc import voc_xml, write_voc
from eval.formats.writing.yolo import yolo_lines

NAMES = ("cat", "dog, or <wolf>")
TRUTH = LabelledImage(
    "a/street 1.jpg", 200, 100,
    [[0, 0, 10, 10], [50.5, 20, 150.5, 80.25], [100, 0, 200, 100]], [0, 1, 1],
    difficult=[0, 1, 0], crowd=[0, 0, 1],
)  # fmt: skip
FOUND = LabelledImage("b.jpg", 200, 100, [[20, 30, 60, 80]], [1], scores=[0.75])


def test_yolo_divides_centre_and_sides_by_the_image() -> None:
    # (0 + 10) / 2 / 200 = 0.025; the crowd is no object to learn from.
    assert yolo_lines(TRUTH) == "0 0.025 0.05 0.05 0.1\n1 0.5025 0.50125 0.5 0.6025\n"
    assert yolo_lines(FOUND) == "1 0.2 0.55 0.2 0.5 0.75\n"


def test_yolo_cuts_only_boxes_that_fractions_cannot_hold() -> None:
    boxes = [[-10, 0, 220, 50], [180, 40, 210, 60], [300, 0, 320, 10], [198, 0, 210, 10]]
    image = LabelledImage("a.jpg", 200, 100, boxes, [0, 0, 0, 0])
    # wider than the image: cut to 0..200; reaches outside: stays; lies outside: left out; centre
    # outside: cut to 198..200
    assert yolo_lines(image) == ("0 0.5 0.25 1 0.5\n0 0.975 0.5 0.15 0.2\n0 0.995 0.05 0.01 0.1\n")


def test_yolo_needs_the_size() -> None:
    with pytest.raises(EvaluationError, match=r"^a\.jpg: its size is unknown"):
        yolo_lines(LabelledImage("a.jpg", 0, 0, [[0, 0, 1, 1]], [0]))


def test_voc_counts_pixels_from_one_and_includes_the_last() -> None:
    root = ElementTree.fromstring(voc_xml(TRUTH, NAMES))
    assert root.findtext("filename") == "a/street 1.jpg"
    assert [root.findtext(f"size/{side}") for side in ("width", "height")] == ["200", "100"]
    corners = [[corner.text for corner in box] for box in root.iterfind("object/bndbox")]
    assert corners == [["1", "1", "10", "10"], ["51.5", "21", "150.5", "80.25"],
                       ["101", "1", "200", "100"]]  # fmt: skip
    assert [name.text for name in root.iterfind("object/name")] == ["cat", NAMES[1], NAMES[1]]
    assert [flag.text for flag in root.iterfind("object/difficult")] == ["0", "1", "1"]


def test_voc_leaves_out_boxes_that_its_readers_refuse(tmp_path: Path) -> None:
    boxes = [[3, 4, 4, 5], [3, 4, 3.9, 9], [1e300, 0, 1.1e300, 9]]
    image = LabelledImage("a.jpg", 9, 9, boxes, [0, 0, 0])
    root = ElementTree.fromstring(voc_xml(image, NAMES))
    assert [[corner.text for corner in box] for box in root.iterfind("object/bndbox")] == [
        ["4", "5", "4", "5"]
    ]
    losses = write_voc([image], NAMES, tmp_path)
    assert [loss for loss in losses if "left out" in loss] == [
        "boxes narrower than a pixel, which were left out: 1",
        "boxes that end 1e+150 pixels away, which were left out: 1",
    ]
    assert len(read_dataset(tmp_path, split="train").all_truths) == 1


@pytest.mark.parametrize("name", ["do\bg", "", " dog", "\ud800"])
def test_xml_cannot_hold_every_name(name: str) -> None:
    with pytest.raises(EvaluationError, match="control character"):
        voc_xml(FOUND, ("cat", name))
    if name != " dog":
        with pytest.raises(EvaluationError, match="control characters; rename the class"):
            label_studio_config(("cat", name))


def test_coco() -> None:
    document = coco_dataset([TRUTH, FOUND], NAMES, (3, 18))
    assert document["images"] == [
        {"id": 1, "file_name": "a/street 1.jpg", "width": 200, "height": 100},
        {"id": 2, "file_name": "b.jpg", "width": 200, "height": 100},
    ]
    assert document["categories"] == [{"id": 3, "name": "cat"}, {"id": 18, "name": NAMES[1]}]
    assert document["annotations"][1] == {
        "id": 2, "image_id": 1, "category_id": 18, "bbox": [50.5, 20, 100, 60.25],
        "area": 6025, "iscrowd": 0, "difficult": 1,
    }  # fmt: skip
    assert document["annotations"][2]["iscrowd"] == 1
    assert document["annotations"][3] == {
        "id": 4, "image_id": 2, "category_id": 18, "bbox": [20, 30, 40, 50],
        "area": 2000, "iscrowd": 0, "difficult": 0, "score": 0.75,
    }  # fmt: skip


def test_csv() -> None:
    assert list(csv.reader(io.StringIO(csv_text([FOUND], NAMES)))) == [
        ["file_name", "class", "score", "x1", "y1", "x2", "y2"],
        ["b.jpg", "dog, or <wolf>", "0.75", "20.0", "30.0", "60.0", "80.0"],
    ]
    rows = list(csv.DictReader(io.StringIO(csv_text([TRUTH], NAMES))))
    assert rows[2] == {
        "file_name": "a/street 1.jpg", "class": "dog, or <wolf>", "x1": "100.0", "y1": "0.0",
        "x2": "200.0", "y2": "100.0", "difficult": "0", "crowd": "1",
    }  # fmt: skip


def test_label_studio_has_percentages() -> None:
    (task,) = label_studio_tasks([FOUND], NAMES)
    (prediction,) = task["predictions"]
    (region,) = prediction["result"]
    assert task["data"] == {"image": "/data/local-files/?d=b.jpg"}
    assert prediction["score"] == region["score"] == 0.75
    assert (region["original_width"], region["original_height"]) == (200, 100)
    assert region["value"] == {
        "x": 10, "y": 30, "width": 20, "height": 50, "rotation": 0,
        "rectanglelabels": ["dog, or <wolf>"],
    }  # fmt: skip
    (truth,) = label_studio_tasks([TRUTH], NAMES, "s3://bucket/")
    assert truth["data"] == {"image": "s3://bucket/a/street%201.jpg"}
    assert len(truth["annotations"][0]["result"]) == 3 and "predictions" not in truth


def test_label_studio_fetches_pictures_with_a_web_address_itself() -> None:
    (task,) = label_studio_tasks([replace(FOUND, file_name="https://x.org/a b.jpg?s=1")], NAMES)
    assert task["data"] == {"image": "https://x.org/a b.jpg?s=1"}


def test_label_studio_cuts_at_the_border() -> None:
    boxes = [[-10, 50, 50, 120], [200, 0, 220, 10]]
    (task,) = label_studio_tasks([LabelledImage("b.jpg", 200, 100, boxes, [0, 0])], NAMES)
    (region,) = task["annotations"][0]["result"]
    assert [region["value"][side] for side in ("x", "y", "width", "height")] == [0, 50, 25, 50]


@pytest.mark.parametrize("arrays", [{"labels": [0]}, {"scores": [0.5]}, {"crowd": [0, 0, 1]}])
def test_arrays_must_fit_each_other(arrays: dict[str, list[float]]) -> None:
    values = {"boxes_xyxy": [[0, 0, 1, 1], [1, 1, 2, 2]], "labels": [0, 1], **arrays}
    with pytest.raises(EvaluationError, match=r"^a\.jpg: . .* for 2 boxes_xyxy"):
        LabelledImage("a.jpg", 9, 9, **values)


def test_boxes_of_any_size_are_rounded_without_a_warning() -> None:
    boxes = np.array([[1e307, -1e308, 0.1 + 0.2, 3e9 + 0.5]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rounded(boxes).tolist() == [[1e307, -1e308, 0.3, 3e9 + 0.5]]
