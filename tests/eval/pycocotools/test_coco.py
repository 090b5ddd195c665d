"""COCO against pycocotools: filters, loading and results."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import coco as official

from eval import EvaluationError
from eval.pycocotools import COCO


def content() -> dict[str, Any]:
    return {
        "info": {"year": 2014},
        "images": [{"id": i, "width": 40, "height": 30} for i in (3, 1, 2)],
        "categories": [
            {"id": 7, "name": "dog", "supercategory": "animal"},
            {"id": 5, "name": "cup", "supercategory": "thing"},
        ],
        "annotations": [
            {
                "id": n,
                "image_id": image,
                "category_id": category,
                "bbox": [n, n, 2 * n, 3],
                "area": 6 * n,
                "iscrowd": int(n == 4),
                "segmentation": [[n, n, 3 * n, n, 3 * n, n + 3]],
            }
            for n, image, category in [(4, 1, 7), (2, 1, 5), (9, 3, 7), (1, 3, 7)]
        ],
    }


@pytest.fixture
def both(tmp_path: Path) -> tuple[COCO, Any]:
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(content()))
    return COCO(path), official.COCO(path)


def test_the_indices_are_identical(both: tuple[COCO, Any]) -> None:
    for name in ("dataset", "anns", "cats", "imgs", "imgToAnns", "catToImgs"):
        assert getattr(both[0], name) == getattr(both[1], name)
    assert COCO(content()).anns == both[1].anns


@pytest.mark.parametrize(
    ("method", "filters"),
    [
        ("getAnnIds", {}),
        ("getAnnIds", {"imgIds": 1}),
        ("getAnnIds", {"imgIds": [3, 1, 99], "catIds": [7]}),
        ("getAnnIds", {"imgIds": np.array([3, 1]), "areaRng": [6, 54]}),
        ("getAnnIds", {"catIds": 5}),
        ("getAnnIds", {"iscrowd": True}),
        ("getAnnIds", {"iscrowd": False, "areaRng": [0, 30]}),
        ("getCatIds", {}),
        ("getCatIds", {"catNms": ["cup", "dog"]}),
        ("getCatIds", {"supNms": "animal"}),
        ("getCatIds", {"catIds": [5], "catNms": "dog"}),
        ("getImgIds", {}),
        ("getImgIds", {"catIds": 7}),
        ("getImgIds", {"catIds": [7, 5]}),
        ("getImgIds", {"imgIds": [1, 2], "catIds": [7]}),
        ("loadAnns", {"ids": [9, 1]}),
        ("loadAnns", {"ids": 9}),
        ("loadCats", {"ids": [5]}),
        ("loadImgs", {"ids": 3}),
        ("loadImgs", {}),
    ],
    ids=str,
)
def test_filters_are_identical(both: tuple[COCO, Any], method: str, filters: Any) -> None:
    ours, expected = (getattr(one, method)(**filters) for one in both)
    assert ours == expected


def test_the_description_is_printed(
    both: tuple[COCO, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    both[0].info()
    assert capsys.readouterr().out == "year: 2014\n"


def test_masks_are_identical(both: tuple[COCO, Any]) -> None:
    whole = {"size": [30, 40], "counts": [100, 50, 1050]}
    shapes = [one["segmentation"] for one in content()["annotations"]]
    for shape in [*shapes, whole, both[1].annToRLE({"image_id": 1, "segmentation": whole})]:
        annotation = {"image_id": 1, "segmentation": shape}
        assert both[0].annToRLE(annotation) == both[1].annToRLE(annotation)
        np.testing.assert_array_equal(both[0].annToMask(annotation), both[1].annToMask(annotation))


BOX = {"image_id": 1, "category_id": 7, "bbox": [1.5, 2, 3, 4], "score": 0.5}
MASK = {
    "image_id": 3,
    "category_id": 7,
    "segmentation": {"size": [30, 40], "counts": b"PT1c0c000"},
    "score": 1,
}
POINTS = {"image_id": 1, "category_id": 7, "keypoints": [4, 5, 2, 1.5, 9, 1] * 2, "score": 1}


@pytest.mark.parametrize(
    "record", [BOX, MASK, POINTS, {"image_id": 2, "caption": "a dog"}], ids=str
)
def test_results_get_the_same_keys(both: tuple[COCO, Any], record: dict[str, Any]) -> None:
    ours, expected = (one.loadRes([copy.deepcopy(record) for _ in range(2)]) for one in both)
    for mine, theirs in zip(
        ours.dataset["annotations"], expected.dataset["annotations"], strict=True
    ):
        assert mine.keys() == theirs.keys()
        assert all(np.array_equal(mine[key], theirs[key]) for key in theirs)
    assert ours.dataset["info"] == expected.dataset["info"]
    if "caption" not in record:
        assert ours.dataset["categories"] == expected.dataset["categories"]


def test_results_may_be_files_and_arrays(both: tuple[COCO, Any], tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps([BOX, BOX]))
    rows = np.array([[1, 1.5, 2, 3, 4, 0.5, 7], [3, 0, 0, 5, 6, 1, 5]])
    for results in (str(path), rows):
        assert both[0].loadRes(results).anns == both[1].loadRes(results).anns


def test_numbers_that_are_not_json_are_read(tmp_path: Path) -> None:
    path = tmp_path / "truth.json"
    path.write_text('{"annotations": [], "images": [{"id": 1, "gps": NaN}]}')
    assert COCO(path).getImgIds() == [1]


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([{**BOX, "image_id": 4}], "1 image ids are not in the data set, such as 4"),
        ({"annotations": []}, "expected a list, found a dict"),
        (np.zeros((2, 6)), r"shape \(2, 6\); expected \(N, 7\)"),
    ],
)
def test_wrong_results_are_explained(both: tuple[COCO, Any], results: Any, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        both[0].loadRes(results)


def test_results_are_no_ground_truth(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text("[]")
    with pytest.raises(EvaluationError, match=r"found a list; results are read by loadRes"):
        COCO(path)
