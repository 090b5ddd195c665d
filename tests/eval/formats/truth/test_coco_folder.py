"""Folders that hold COCO JSON: of COCO itself, Roboflow and FiftyOne."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eval import EvaluationError, read_dataset
from eval.checking.linter import check
from eval.formats.splits import splits_of_data, training_split
from tests.eval.made_formats import Picture, save_blank, write


def coco(path: Path, name: str, score: bool = False) -> Path:
    one = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4]}
    document = {
        "images": [{"id": 1, "file_name": f"{name}.png", "width": 50, "height": 40}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{**one, "score": 0.5} if score else one],
    }
    return write(path, json.dumps(document))


@pytest.mark.parametrize(
    ("name", "pictures"),
    [
        ("annotations/instances_val2017.json", "val2017"),
        ("annotations/instances_val2017.json", "images/val2017"),
        ("annotations/instances_default.json", "images/default"),
        ("_annotations.coco.json", "."),
        ("valid/_annotations.coco.json", "valid"),
        ("labels.json", "data"),
        ("instances.json", "."),
    ],
)
def test_the_only_file_is_read(tmp_path: Path, name: str, pictures: str) -> None:
    coco(tmp_path / name, "a")
    coco(tmp_path / "detections.json", "b", score=True)
    write(tmp_path / "results.json", '[{"image_id": 1}]')
    save_blank(tmp_path / pictures / "a.png", Picture("a", 50, 40, []))
    dataset = read_dataset(tmp_path)
    assert dataset.images[0].file_name == "a.png"
    assert dataset.pictures == tmp_path / pictures
    assert not [one for one in check(tmp_path) if one.severity == "error"]


def test_one_of_several_files_must_be_named(tmp_path: Path) -> None:
    for name in ("train", "valid", "test"):
        coco(tmp_path / name / "_annotations.coco.json", name)
    with pytest.raises(EvaluationError, match=r"splits test, train, valid, whose .*with --split"):
        read_dataset(tmp_path)
    assert read_dataset(tmp_path, split="valid").images[0].file_name == "valid.png"
    with pytest.raises(EvaluationError, match="no split 'minival'; its splits are test, train"):
        read_dataset(tmp_path, split="minival")
    assert training_split(tmp_path) == "train"
    assert splits_of_data(tmp_path) == ("train", "valid", "test")


def test_years_may_be_left_out(tmp_path: Path) -> None:
    for name in ("train2017", "val2017"):
        coco(tmp_path / "annotations" / f"instances_{name}.json", name)
        write(tmp_path / "annotations" / f"captions_{name}.json", '{"images": []}')
    for name in ("val", "val2017"):
        assert read_dataset(tmp_path, split=name).images[0].file_name == "val2017.png"
    assert training_split(tmp_path) == "train"
    coco(tmp_path / "annotations" / "instances_val2014.json", "val2014")
    assert read_dataset(tmp_path, split="val2014").images[0].file_name == "val2014.png"
    with pytest.raises(EvaluationError, match="no split 'val'; its splits are train2017, val2014"):
        read_dataset(tmp_path, split="val")


def test_a_whole_has_no_splits(tmp_path: Path) -> None:
    coco(tmp_path / "labels.json", "a")
    assert training_split(tmp_path) is None and splits_of_data(tmp_path) == (None,)
    with pytest.raises(EvaluationError, match="no split 'val'; it is one whole"):
        read_dataset(tmp_path, split="val")


def test_the_checker_names_the_file(tmp_path: Path) -> None:
    path = coco(tmp_path / "annotations" / "instances_val.json", "a")
    path.write_text(path.read_text().replace('"bbox": [1, 2', '"bbox": [1, null'))
    errors = [one for one in check(tmp_path) if one.severity == "error"]
    assert [one.where for one in errors] == ["instances_val.json: annotations[0]"]
