"""Reading ground truth: arrays by image, and faults with file, record and field."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval import Dataset, EvaluationError, evaluate, read_dataset

GOOD: dict[str, Any] = {
    "images": [
        {"id": 30, "file_name": "c.jpg", "height": 40, "width": 50},
        {"id": 10, "file_name": "a.jpg", "height": 60, "width": 70},
        {"id": 20, "file_name": "b.jpg", "height": 80, "width": 90},
    ],
    "categories": [{"id": 18, "name": "dog"}, {"id": 3, "name": "cat"}],
    "annotations": [
        {"image_id": 10, "category_id": 3, "bbox": [1, 2, 3, 4], "difficult": 1},
        {"image_id": 30, "category_id": 18, "bbox": [5, 6, 7, 8], "area": 20.5, "iscrowd": 1},
        {"image_id": 10, "category_id": 18, "bbox": [0.5, 0, 2, 0], "ignore": True, "id": 0},
        {"image_id": 10, "category_id": 3, "bbox": [9, 9, 9, 9]},
    ],
}


def written(folder: Path, document: Any) -> Path:
    path = folder / "truth.json"
    path.write_text(document if isinstance(document, str) else json.dumps(document))
    return path


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return read_dataset(written(tmp_path, GOOD))


def test_a_dataset_is_described_on_one_line(dataset: Dataset) -> None:
    assert repr(dataset) == "truth.json: 3 images, 4 objects, 2 classes"
    assert repr(dataset.subset([0]).with_classes(["dog"])) == (
        "truth.json: 1 image, 1 object, 1 class"
    )


def test_truths_come_by_image_in_file_order(dataset: Dataset) -> None:
    assert len(dataset) == 3 and [image.id for image in dataset.images] == [30, 10, 20]
    assert dataset.class_names == ("dog", "cat") and dataset.category_ids == (18, 3)
    truths = dataset.truths(1)
    assert truths.boxes_xyxy.tolist() == [[1, 2, 4, 6], [0.5, 0, 2.5, 0], [9, 9, 18, 18]]
    assert truths.labels.tolist() == [1, 0, 1] and truths.areas.tolist() == [12, 0, 81]
    assert truths.difficult.tolist() == [True, True, False]
    assert truths.ignored.tolist() == [True, True, False] and not truths.crowd.any()
    crowd = dataset.truths(0)
    assert crowd.areas.tolist() == [20.5] and crowd.ignored.tolist() == [True]
    assert len(dataset.truths(2)) == 0 and dataset.truths(2).boxes_xyxy.shape == (0, 4)
    assert dataset.truth_images.tolist() == [0, 1, 1, 1]
    with pytest.raises(IndexError):
        dataset.truths(3)


def test_subset_keeps_classes_and_order(dataset: Dataset) -> None:
    part = dataset.subset([2, 1])
    assert [image.id for image in part.images] == [20, 10] and part.class_names == ("dog", "cat")
    assert part.truths(1).labels.tolist() == [1, 0, 1] and len(part.truths(0)) == 0
    assert part.image_index_by_id == {20: 0, 10: 1}
    assert len(dataset.subset([])) == 0
    for indices in ([1, 1], [3], [-1]):
        with pytest.raises(EvaluationError):
            dataset.subset(indices)


def test_parts_of_a_data_set_keep_their_pairs_of_image_and_class(dataset: Dataset) -> None:
    pairs = np.array([[0, 0], [1, 1], [2, 1]])
    assert dataset.verified is None and dataset.subset([1]).verified is None
    whole = replace(dataset, excluded=pairs, verified=pairs[::-1])
    part = whole.subset([2, 1])
    assert part.excluded.tolist() == [[1, 1], [0, 1]]
    assert part.verified is not None and part.verified.tolist() == [[0, 1], [1, 1]]
    cats = whole.with_classes(["cat"])
    assert cats.excluded.tolist() == [[1, 0], [2, 0]]
    assert cats.verified is not None and cats.verified.tolist() == [[2, 0], [1, 0]]
    assert whole.excluded.tolist() == pairs.tolist()


def test_a_set_without_annotations_is_read(tmp_path: Path) -> None:
    dataset = read_dataset(written(tmp_path, {**GOOD, "annotations": []}))
    assert len(dataset.all_truths) == 0 and len(dataset.truths(0)) == 0


def test_a_dictionary_gives_what_its_file_gives(tmp_path: Path, dataset: Dataset) -> None:
    document = copy.deepcopy(GOOD)
    for annotation in document["annotations"]:  # programs hold the types of NumPy
        annotation["bbox"] = np.array(annotation["bbox"], np.float32)
        annotation["iscrowd"] = np.int64(annotation.get("iscrowd", 0))
        annotation["difficult"] = np.bool_(annotation.get("difficult", False))
    for source in (GOOD, document):
        read = read_dataset(source)
        assert repr(read) == "the dictionary: 3 images, 4 objects, 2 classes"
        assert read.images == dataset.images and read.class_names == dataset.class_names
        for name in ("boxes", "labels", "areas", "difficult", "crowd", "positions"):
            ours, theirs = (getattr(one.all_truths, name) for one in (read, dataset))
            assert ours.dtype == theirs.dtype and (ours == theirs).all()
    with pytest.raises(EvaluationError, match="a dictionary has no option 'split'; leave it out"):
        read_dataset(GOOD, split="val")


FAULTS: list[tuple[tuple[str | int, ...], Any, str]] = [
    (("annotations", 1, "category_id"), "3", "annotations[1]: category_id '3' is not listed"),
    (("annotations", 2, "image_id"), 11, "annotations[2]: image_id 11 is not listed"),
    (
        ("annotations", 2, "image_id"),
        "10",
        "annotations[2]: image_id '10' is not listed in 'images'",
    ),
    (("annotations", 0, "bbox"), [1, 2, 3], "annotations[0]: 'bbox' is [1, 2, 3]"),
    (("annotations", 0, "bbox"), [1, 2, 3, "4"], "4 finite numbers"),
    (("annotations", 0, "bbox"), [1, 2, -3, 4], "without a negative side"),
    (("annotations", 0, "bbox"), None, "annotations[0]: 'bbox' is None"),
    (("annotations", 3, "area"), "9", "annotations[3]: 'area' is '9'"),
    (("annotations", 3, "iscrowd"), 2, "annotations[3]: 'iscrowd' is 2"),
    (("annotations", 3), "text", "annotations[3] is 'text'"),
    (("images", 1, "id"), 30, "images[1]: id 30 is already used by images[0]"),
    (("images", 1, "file_name"), [], "images[1]: 'file_name' is []"),
    (("images", 2, "height"), 8.5, "images[2]: 'height' is 8.5"),
    (("categories", 1, "id"), 18, "categories[1]: id 18"),
    (("categories", 1, "name"), False, "categories[1]: 'name' is False"),
    (("images",), {}, "no list 'images'"),
]


@pytest.mark.parametrize(("where", "value", "message"), FAULTS)
def test_faults_name_file_record_and_field(
    tmp_path: Path, where: tuple[str | int, ...], value: Any, message: str
) -> None:
    document = copy.deepcopy(GOOD)
    target: Any = document
    for step in where[:-1]:
        target = target[step]
    target[where[-1]] = value
    for source, name in ((written(tmp_path, document), "truth.json"), (document, "the dictionary")):
        with pytest.raises(EvaluationError) as caught:
            read_dataset(source)
        assert message in str(caught.value) and str(caught.value).startswith(f"{name}: ")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "field"),
    [
        ("images", "id"),
        ("categories", "id"),
        ("annotations", "image_id"),
        ("annotations", "category_id"),
        ("annotations", "bbox"),
    ],
)
def test_missing_fields_are_named(tmp_path: Path, table: str, field: str) -> None:
    document = copy.deepcopy(GOOD)
    del document[table][1][field]
    with pytest.raises(EvaluationError, match=rf"{table}\[1\] has no '{field}'"):
        read_dataset(written(tmp_path, document))
    del document[table]
    with pytest.raises(EvaluationError, match=f"no list '{table}'"):
        read_dataset(written(tmp_path, document))


def test_what_nobody_needs_may_be_missing(tmp_path: Path) -> None:
    document = copy.deepcopy(GOOD)
    document["images"] = [{"id": 30}, {"id": 10, "height": None}, {"id": 20.0, "width": "90"}]
    document["categories"] = [{"id": 18, "name": "dog"}, {"id": 3.0, "name": "dog"}, {"id": 5}]
    document["annotations"].append({"image_id": 10, "category_id": 6, "bbox": [9, 9, 9, 9]})
    dataset = read_dataset(written(tmp_path, document))
    assert dataset.images == ((30, "30", 0, 0), (10, "10", 0, 0), (20, "20", 0, 90))
    assert dataset.class_names == ("dog (18)", "dog (3)", "5")
    assert dataset.category_ids == (18, 3, 5)
    assert dataset.all_truths.labels.tolist() == [0, 1, 0, 1]
    assert dataset.notes == (
        "left out 1 annotation of categories that are not listed in 'categories' (first: "
        "truth.json: annotations[4], category_id 6)",
    )


def test_files_that_are_no_json(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"none\.json: no such file"):
        read_dataset(tmp_path / "none.json")
    with pytest.raises(EvaluationError, match="cut short"):
        read_dataset(written(tmp_path, json.dumps(GOOD)[:-50]))
    (tmp_path / "empty").mkdir()
    with pytest.raises(EvaluationError, match="cannot be read"):
        read_dataset(tmp_path / "empty")
    with pytest.raises(EvaluationError, match="this is a list of results"):
        read_dataset(written(tmp_path, "[]"))
    for text in ("3", "{}", '"text"'):
        with pytest.raises(EvaluationError, match="no list 'images'"):
            read_dataset(written(tmp_path, text))


def test_eval_stands_alone() -> None:
    heavy = "('torch', 'detector', 'pycocotools', 'matplotlib', 'cv2')"
    code = f"import sys, eval; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_big_ids_and_views(tmp_path: Path) -> None:
    document = copy.deepcopy(GOOD)
    document["images"][1]["id"] = 2**60 + 1
    for annotation in document["annotations"]:
        annotation["image_id"] = 2**60 + 1 if annotation["image_id"] == 10 else 30
    dataset = read_dataset(written(tmp_path, document))
    assert len(dataset.truths(1)) == 3
    assert np.shares_memory(dataset.truths(1).labels, dataset.all_truths.labels)


def test_files_of_lvis_are_noted(tmp_path: Path) -> None:
    document = copy.deepcopy(GOOD)
    assert read_dataset(written(tmp_path, document)).federation is None
    document["images"][0]["neg_category_ids"] = [3]
    dataset = read_dataset(written(tmp_path, document))
    assert dataset.notes == () and dataset.federation is not None
    for protocol in ("voc", "coco", "ilsvrc"):
        notes = evaluate([], dataset, protocol).notes
        assert any(note.startswith("the ground truth is LVIS's") for note in notes)
