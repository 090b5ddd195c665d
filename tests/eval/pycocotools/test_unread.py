"""Files whose annotations stay text: the same figures and the same dicts as pycocotools."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import coco as official
from pycocotools.cocoeval import COCOeval as OfficialCOCOeval
from pycocotools.mask import frPyObjects

from eval import EvaluationError
from eval.pycocotools import COCO, COCOeval
from tests.eval.pycocotools.problems import (
    MANY,
    Problem,
    box_problems,
    choices,
    mask_problems,
    same,
)

Files = tuple[Path, Path]


def written(problem: Problem, folder: Path, indent: int | None = None) -> Files:
    """The two files of a problem."""
    files = folder / "truth.json", folder / "results.json"
    for path, content in zip(files, copy.deepcopy(problem), strict=True):
        for record in content if isinstance(content, list) else []:
            shape = record.get("segmentation")
            if isinstance(shape, dict) and isinstance(shape["counts"], bytes):
                shape["counts"] = shape["counts"].decode()
        path.write_text(json.dumps(content, indent=indent))
    return files


def evaluated(
    coco: Any, cocoeval: Any, files: Files, kind: str, parameters: dict[str, Any]
) -> tuple[Any, str]:
    with contextlib.redirect_stdout(io.StringIO()):
        truth = coco(str(files[0]))
        found = cocoeval(truth, truth.loadRes(str(files[1])), kind)
        for name, value in copy.deepcopy(parameters).items():
            setattr(found.params, name, value)
        found.evaluate()
        found.accumulate()
    with contextlib.redirect_stdout(io.StringIO()) as table:
        found.summarize()
    return found, table.getvalue()


def assert_alike(
    problem: Problem, kind: str, parameters: dict[str, Any], indent: int | None
) -> Any:
    parameters = {key: value for key, value in parameters.items() if key != "first_id"}
    with tempfile.TemporaryDirectory() as folder:
        files = written(problem, Path(folder), indent)
        ours, table = evaluated(COCO, COCOeval, files, kind, parameters)
        theirs, expected = evaluated(official.COCO, OfficialCOCOeval, files, kind, parameters)
    assert table == expected
    for name in ("precision", "recall", "scores"):
        assert same(ours.eval[name], theirs.eval[name]), name
    assert same(ours.evalImgs, theirs.evalImgs)
    assert ours.ious.keys() == theirs.ious.keys()
    for cell, ious in theirs.ious.items():
        assert same(ours.ious[cell], ious), cell
    # Dicts that are made after the evaluation show what the evaluation changed in them.
    for side in ("cocoDt", "cocoGt"):
        mine, other = getattr(ours, side), getattr(theirs, side)
        for one in other.anns.values():
            one.pop("_ignore", None)  # a note of pycocotools to itself
        for name in ("anns", "imgToAnns", "catToImgs", "dataset"):
            assert same(getattr(mine, name), getattr(other, name)), (side, name)
        assert mine.unread is None


@MANY
@given(box_problems(), choices(), st.sampled_from([None, 1]))
def test_boxes_are_identical(problem: Problem, parameters: dict[str, Any], indent: Any) -> None:
    assert_alike(problem, "bbox", {}, indent)
    assert_alike(problem, "bbox", parameters, indent)


@MANY
@given(mask_problems(), choices(), st.sampled_from([None, 1]))
def test_masks_are_identical(problem: Problem, parameters: dict[str, Any], indent: Any) -> None:
    assert_alike(problem, "segm", {}, indent)
    assert_alike(problem, "segm", parameters, indent)


POLYGONS = st.lists(
    st.one_of(
        st.integers(-5, 70),
        st.floats(-2000, 2000),
        st.sampled_from([0.5, 1.5, -0.1, 9.9, 1e-70]),
    ),
    min_size=6,
    max_size=15,
)


@MANY
@given(
    st.lists(
        st.tuples(st.sampled_from([1, 2]), st.lists(POLYGONS, min_size=1, max_size=2)),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from([None, 1]),
)
def test_polygons_of_files_are_identical(objects: list[Any], indent: int | None) -> None:
    sizes = {1: [40, 50], 2: [7, 90]}
    truth = {
        "images": [{"id": i, "height": h, "width": w} for i, (h, w) in sizes.items()],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [
            {"id": n, "area": 400, "iscrowd": 0, "image_id": i, "category_id": 1, "bbox": [0] * 4}
            | {"segmentation": rings}
            for n, (i, rings) in enumerate(objects, start=1)
        ],
    }
    found = [
        {"image_id": i, "category_id": 1, "bbox": [0, 0, 9, 9], "score": 0.5}
        | {"segmentation": frPyObjects([[1, 1, 45, 2, 30, 35]], *size)[0]}
        for i, size in sizes.items()
    ]
    assert_alike((truth, found), "segm", {}, indent)


def box(image: int, score: float | None = None) -> dict[str, Any]:
    own = {"image_id": image, "category_id": 1, "bbox": [10, 10, 20, 20]}
    if score is not None:
        return own | {"score": score}
    return {"id": image, "area": 400, "iscrowd": 0, **own}


def small() -> Problem:
    """An object in each of two pictures, and a detection of each."""
    truth = {
        "info": {"year": 2014},
        "images": [{"id": i, "width": 50, "height": 40} for i in (1, 2)],
        "annotations": [box(1), box(2)],
        "categories": [{"id": 1, "name": "dog"}],
        "anything": [1],
    }
    return truth, [box(1, 0.9), box(2, 0.8)]


def loaded(problem: Problem, folder: Path) -> tuple[COCO, COCO]:
    files = written(problem, folder)
    truth = COCO(files[0])
    return truth, truth.loadRes(files[1])


def recall(truth: COCO, found: COCO) -> float:
    one = COCOeval(truth, found, "bbox")
    one.evaluate()
    one.accumulate()
    return float(one.eval["recall"].max())


def test_an_evaluation_makes_no_dicts(tmp_path: Path) -> None:
    truth, found = loaded(small(), tmp_path)
    assert recall(truth, found) == 1
    assert truth.unread is not None and found.unread is not None


@pytest.mark.parametrize("before", [False, True])
def test_dicts_are_those_of_the_file(tmp_path: Path, before: bool) -> None:
    problem = small()
    truth, found = loaded(problem, tmp_path)
    images, categories = list(truth.imgs.values()), list(truth.cats.values())
    if before:
        recall(truth, found)
        for one in problem[0]["annotations"]:
            one["ignore"] = 0
    assert truth.dataset == problem[0]
    assert list(truth.dataset) == list(problem[0])
    # What was handed out before remains the content of the data set.
    assert all(a is b for a, b in zip(truth.dataset["images"], images, strict=True))
    assert all(a is b for a, b in zip(truth.dataset["categories"], categories, strict=True))
    assert truth.imgToAnns[2] == [truth.anns[2]] and truth.catToImgs == {1: [1, 2]}


@pytest.mark.parametrize(
    "change",
    [
        lambda truth, found: truth.loadAnns([2])[0].update(iscrowd=1, bbox=[0, 0, 1, 1]),
        lambda truth, found: [one.update(bbox=[0, 0, 1, 1]) for one in found.imgToAnns[2]],
        lambda truth, found: found.dataset["annotations"][1].update(score=0.1, bbox=[0, 0, 1, 1]),
        lambda truth, found: truth.anns.pop(2) and truth.imgToAnns.pop(2),
    ],
)
def test_changed_dicts_count(tmp_path: Path, change: Any) -> None:
    files = written(small(), tmp_path)
    recalls = []
    for coco, cocoeval in ((COCO, COCOeval), (official.COCO, OfficialCOCOeval)):
        truth = coco(str(files[0]))
        found = truth.loadRes(str(files[1]))
        change(truth, found)
        one = cocoeval(truth, found, "bbox")
        one.evaluate()
        one.accumulate()
        recalls.append(one.eval["precision"].mean())
    assert recalls[0] == recalls[1]


def test_a_derived_class_sees_dicts(tmp_path: Path) -> None:
    class Half(COCO):
        def loadAnns(self, ids: Any = ()) -> list[dict]:
            return [one for one in super().loadAnns(ids) if one["image_id"] == 1]

    files = written(small(), tmp_path)
    truth = Half(files[0])
    assert truth.unread is None
    one = COCOeval(truth, truth.loadRes(files[1]), "bbox")
    one.evaluate()
    assert len(one.evalImgs[:2]) == 2 and one.evalImgs[1] is None


def irregular(key: str, value: Any, side: int) -> Problem:
    problem = small()
    (problem[0]["annotations"], problem[1])[side][1][key] = value
    return problem


@pytest.mark.parametrize(
    "problem",
    [
        irregular("area", float("nan"), 0),
        irregular("id", 1, 0),
        irregular("image_id", 2.0, 0),
        irregular("iscrowd", 0.0, 0),
        irregular("bbox", [10, 10, 20, 20, 7], 1),
        irregular("bbox", [10, 10, 2**60, 2**60 + 1], 1),
        irregular("score", 10**400, 1),
        irregular("score", True, 1),
        irregular("caption", "a dog", 1),
        irregular("na\\me", "é", 1),
    ],
)
def test_irregular_files_are_read_as_dicts(tmp_path: Path, problem: Problem) -> None:
    truth, found = loaded(problem, tmp_path)
    assert truth.unread is None or found.unread is None
    assert COCO(copy.deepcopy(problem[0])).loadRes(problem[1]).anns.keys() == found.anns.keys()


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ([box(4, 0.5)], "1 image ids are not in the data set, such as 4"),
        ({"annotations": []}, "expected a list, found a dict"),
    ],
)
def test_wrong_results_are_explained(tmp_path: Path, results: Any, message: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(json.dumps(results))
    with pytest.raises(EvaluationError, match=message):
        loaded(small(), tmp_path)[0].loadRes(path)


def test_text_is_a_summary(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one = COCOeval(*loaded(small(), tmp_path), "bbox")
    one.evaluate()
    one.accumulate()
    capsys.readouterr()
    str(one)
    assert capsys.readouterr().out.startswith(" Average Precision  (AP) @[ IoU=0.50:0.95")


@pytest.mark.parametrize("from_text", [True, False])
def test_repeated_categories_count_again_without_categories(
    tmp_path: Path, from_text: bool
) -> None:
    files = written(small(), tmp_path)
    both = []
    for coco, cocoeval in ((COCO, COCOeval), (official.COCO, OfficialCOCOeval)):
        truth = coco(str(files[0]))
        found = truth.loadRes(str(files[1]))
        if not from_text:
            assert found.anns
        one = cocoeval(truth, found, "bbox")
        one.params.useCats, one.params.catIds = 0, [1, 1]
        one.evaluate()
        one.accumulate()
        both.append(one)
    assert same(both[0].evalImgs, both[1].evalImgs)
    assert same(both[0].eval["precision"], both[1].eval["precision"])
