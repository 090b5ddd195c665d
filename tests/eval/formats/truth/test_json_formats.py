"""Datumaro's and Create ML's JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from eval import EvaluationError, read_dataset
from tests.eval.made_formats import Picture, save_blank, write

LABELS = {"label": {"labels": [{"name": "cat", "parent": ""}, {"name": "dog", "parent": ""}]}}


def datumaro(path: Path, *annotations: Any, **more: Any) -> Path:
    item = {"id": "in/a", "annotations": annotations, **more}
    document = {"dm_format_version": "1.0", "infos": {}, "categories": LABELS, "items": [item]}
    return write(path, json.dumps(document))


def one(kind: str, **more: Any) -> dict[str, Any]:
    return {"id": 0, "type": kind, "label_id": 1, "attributes": {}, "group": 0, **more}


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (one("bbox", bbox=[10, 20.5, 100, 50]), [10, 20.5, 100, 50]),
        (one("polygon", points=[10, 20, 60.5, 70, 30, 5]), [10, 5, 50.5, 65]),
        (one("mask", rle={"counts": [5, 2, 2, 2, 1], "size": [4, 3]}), [1, 1, 2, 2]),
        (one("rotated_bbox", cx=50, cy=40, w=20, h=10, r=90), [45, 30, 10, 20]),
    ],
)
def test_the_box_around_each_shape_of_datumaro(
    tmp_path: Path, annotation: dict[str, Any], expected: list[float]
) -> None:
    path = datumaro(
        tmp_path / "default.json", annotation, image={"path": "in/a.jpg", "size": [240, 320]}
    )
    dataset = read_dataset(path)
    assert dataset.all_truths.boxes.tolist() == [expected]
    assert dataset.images == (("a", "in/a.jpg", 240, 320),)
    assert dataset.class_names == ("cat", "dog") and dataset.category_ids == (0, 1)
    assert dataset.all_truths.labels.tolist() == [1]


def test_flags_and_pictures_of_datumaro(tmp_path: Path) -> None:
    save_blank(tmp_path / "images" / "train" / "in" / "a.png", Picture("a", 50, 40, []))
    marked = one("bbox", bbox=[1, 2, 3, 4], attributes={"is_crowd": True, "difficult": False})
    line = one("polyline", points=[1, 2, 3, 4])
    path = datumaro(
        tmp_path / "annotations" / "train.json", marked, line, media={"path": "in/a.png"}
    )
    dataset = read_dataset(path)
    assert dataset.images == (("a", "in/a.png", 40, 50),)
    assert dataset.pictures == tmp_path / "images" / "train"
    assert dataset.all_truths.crowd.tolist() == [True]
    assert not dataset.all_truths.difficult.any()
    assert dataset.notes == ("left out 1 object without a box: 1 polyline",)


def test_labels_of_datumaro_with_blanks_or_listed_twice_are_one_class(tmp_path: Path) -> None:
    path = datumaro(
        tmp_path / "a.json", *(one("bbox", label_id=k, bbox=[0, 0, 9, 9]) for k in (0, 2))
    )
    document = json.loads(path.read_text())
    names = ("cat ", "dog", "cat")
    document["categories"] = {"label": {"labels": [{"name": name} for name in names]}}
    dataset = read_dataset(write(path, json.dumps(document)))
    assert dataset.class_names == ("cat", "dog") and tuple(dataset.category_ids) == (0, 1)
    assert dataset.all_truths.labels.tolist() == [0, 0]


def test_the_folder_of_datumaro(tmp_path: Path) -> None:
    found = one("bbox", bbox=[1, 2, 3, 4])
    datumaro(tmp_path / "annotations" / "train.json", found)
    assert len(read_dataset(tmp_path).all_truths) == 1
    path = datumaro(tmp_path / "annotations" / "val.json", found, found)
    assert len(read_dataset(tmp_path, split="val").all_truths) == 2
    with pytest.raises(EvaluationError, match="holds the splits train, val; name one with --split"):
        read_dataset(tmp_path)
    with pytest.raises(EvaluationError, match=r"val\.json: is one split; leave the split out"):
        read_dataset(path, split="val")


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (one("bbox", bbox=[1, 2, 3]), r"annotations\[0\]: the box is not 4 finite numbers"),
        (
            one("bbox", bbox=[1, 2, -3, 4]),
            r"annotations\[0\]: the corners are 1, 2, -2, 6",
        ),
        (one("bbox", bbox=[1, 2, 3, 4], label_id=2), "label_id is 2; expected one of 0 to 1"),
        (one("bbox", bbox=[1, 2, 3, 4], label_id=None), "label_id is None; expected one of 0"),
        (one("mask", rle={"counts": "##", "size": [1, 1]}), "the box is not 4 finite numbers"),
    ],
)
def test_faults_of_datumaro(tmp_path: Path, annotation: dict[str, Any], message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        read_dataset(datumaro(tmp_path / "a.json", annotation))


def test_items_that_are_no_list(tmp_path: Path) -> None:
    path = write(tmp_path / "a.json", '{"categories": {}, "items": {}}')
    with pytest.raises(EvaluationError, match="no list 'items', as Datumaro writes it"):
        read_dataset(path)


def createml(path: Path, *records: Any) -> Path:
    return write(path, json.dumps(records))


def test_coordinates_of_create_ml_are_centres(tmp_path: Path) -> None:
    found = {"label": "cat", "coordinates": {"x": 60, "y": 45.5, "width": 100, "height": 50}}
    save_blank(tmp_path / "a.png", Picture("a", 320, 240, []))
    path = createml(
        tmp_path / "_annotations.createml.json",
        {"image": "a.png", "annotations": [found, {**found, "label": "dog"}]},
        {"imagefilename": "b.png", "annotation": []},
    )
    dataset = read_dataset(path)
    assert dataset.all_truths.boxes.tolist() == [[10, 20.5, 100, 50]] * 2
    assert dataset.images == (("a", "a.png", 240, 320), ("b", "b.png", 0, 0))
    assert dataset.class_names == ("cat", "dog")
    assert dataset.notes == ("1 image has no size in the annotation (first: b.png)",)


@pytest.mark.parametrize(
    ("record", "message"),
    [
        (
            {"image": "a.jpg", "annotations": [{"label": "cat", "coordinates": {}}]},
            "the box is not",
        ),
        (
            {"image": "a.jpg", "annotations": [{"label": "", "coordinates": {}}]},
            r"a\.json: record\[0\]: annotations\[0\]: no class",
        ),
        ({"annotations": [{"label": "cat", "coordinates": {}}]}, "the box is not|no file name"),
    ],
)
def test_faults_of_create_ml(tmp_path: Path, record: Any, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        read_dataset(createml(tmp_path / "a.json", record))
