"""Detections from every source, faults in them, and COCO figures against pycocotools."""

from __future__ import annotations

import contextlib
import copy
import io
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from eval import Dataset, EvaluationError, evaluate, read_dataset
from tests.eval.cases import dataset_of, found, published, truth

TRUTHS = [truth(1, 1, (10, 10, 60, 60)), truth(2, 2, (0, 0, 200, 100))]
ROWS = [found(1, 1, (10, 10, 60, 60), 0.9), found(2, 2, (0, 0, 200, 100), 0.8)]


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return dataset_of(tmp_path, TRUTHS, images=2, names=["cat", "dog"])


def pycocotools_stats(truth_file: Path, rows: list[dict[str, Any]]) -> list[float]:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(truth_file))
        reference = COCOeval(coco, coco.loadRes(copy.deepcopy(rows)), "bbox")
        reference.evaluate()
        reference.accumulate()
        reference.summarize()
    return [float(value) for value in reference.stats]


@pytest.mark.parametrize("protocol", ["voc", "voc2007", "coco"])
def test_every_source_of_detections(tmp_path: Path, dataset: Dataset, protocol: str) -> None:
    numpy_rows = [{**row, "score": np.float32(row["score"])} for row in ROWS]
    ways: list[Any] = [ROWS, tuple(numpy_rows), {"annotations": ROWS}]
    for number, document in enumerate((ROWS, {"info": {}, "annotations": ROWS})):
        path = tmp_path / f"found{number}.json"
        path.write_text(json.dumps(document))
        ways += [path, str(path)]
    for way in ways:
        report = evaluate(way, dataset, protocol)
        assert report.map == pytest.approx(1) and report.notes == ()
        assert list(report.per_class) == ["cat", "dog"]
        assert evaluate([], dataset, protocol).map == 0
        assert evaluate(ROWS[:1], dataset, protocol).map == pytest.approx(0.5)


def test_an_array_in_the_order_of_pycocotools_is_a_source(dataset: Dataset) -> None:
    rows = np.array([[r["image_id"], *r["bbox"], r["score"], r["category_id"]] for r in ROWS])
    for array in (rows, rows[::-1], rows.astype(np.float32), rows[:0]):
        expected = evaluate(ROWS if len(array) else [], dataset, "coco")
        assert evaluate(array, dataset, "coco").stats == expected.stats
    for bad in (rows[:, :6], rows[0], rows.astype(str)):
        with pytest.raises(EvaluationError, match=r"expected \(N, 7\) numbers: image_id, x, y"):
            evaluate(bad, dataset)
    rows[1, 0] = 7
    with pytest.raises(EvaluationError, match=r"record\[1\]: image_id 7 is not listed"):
        evaluate(rows, dataset)


def test_own_ids_are_matched_by_name(dataset: Dataset) -> None:
    document = {
        "images": [{"id": 1, "file_name": "photos/2.jpg"}, {"id": 2, "file_name": "photos/1.jpg"}],
        "categories": [{"id": 1, "name": "dog"}, {"id": 2, "name": "cat"}],
        "annotations": [
            {**row, "image_id": 3 - row["image_id"], "category_id": 3 - row["category_id"]}
            for row in ROWS
        ],
    }
    assert evaluate(document, dataset).map == 1
    document["images"][0]["file_name"] = "photos/9.jpg"
    with pytest.raises(EvaluationError, match=r"annotations\[1\]: image_id 1 "):
        evaluate(document, dataset)


def test_own_ids_are_matched_by_the_longest_end_of_a_name(dataset: Dataset) -> None:
    images = [image._replace(file_name=f"{image.id}/a.jpg") for image in dataset.images]
    nested = replace(dataset, images=tuple(images))
    document: dict[str, Any] = {
        "images": [{"id": 7, "file_name": "x/2/a.jpg"}, {"id": 8, "file_name": "/y/1/a.jpg"}],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
        "annotations": [{**row, "image_id": 9 - row["image_id"]} for row in ROWS],
    }
    assert evaluate(document, nested).map == 1
    document["images"][0]["file_name"] = "3/a.jpg"
    with pytest.raises(EvaluationError) as caught:
        evaluate(document, nested)
    assert str(caught.value) == (
        "detections: annotations[1]: image_id 7 is not listed in 'images' of the ground truth; "
        "its file name '3/a.jpg' fits several images there"
    )


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("image_id", 3, "record[1]: image_id 3 is not listed in 'images'"),
        (
            "image_id",
            "2",
            "image_id '2' is not listed in 'images' of the ground truth; the ground truth has it",
        ),
        ("image_id", 2.5, "'image_id' is 2.5; expected a whole number or a text"),
        ("score", math.nan, "'score' is nan; expected a finite number"),
        ("score", math.inf, "'score' is inf"),
        ("score", "0.5", "'score' is '0.5'"),
        ("score", None, "'score' is None"),
        ("score", True, "'score' is True"),
        ("bbox", [1, 2, 3], "4 finite numbers"),
        ("bbox", [1, 2, 3, 4, 5], "4 finite numbers"),
        ("bbox", [1, 2, math.nan, 4], "4 finite numbers"),
    ],
)
def test_faults_name_record_and_field(
    dataset: Dataset, field: str, value: Any, message: str
) -> None:
    for protocol in ("voc", "coco"):
        with pytest.raises(EvaluationError) as caught:
            evaluate([ROWS[0], {**ROWS[1], field: value}], dataset, protocol)
        assert message in str(caught.value) and "\n" not in str(caught.value)


def test_unknown_categories_are_left_out_and_noted(dataset: Dataset) -> None:
    with_stranger = [{**ROWS[0], "category_id": 7}, *ROWS]
    report = evaluate(with_stranger, dataset)
    assert report.map == evaluate(ROWS, dataset).map
    assert report.notes == (
        "left out 1 detection of categories that are not in the ground truth "
        "(first: detections: record[0])",
    )
    with pytest.raises(EvaluationError, match="like all others, is not listed in 'categories'"):
        evaluate([{**row, "category_id": 7} for row in ROWS], dataset)


def test_a_negative_side_is_a_false_positive_and_noted(dataset: Dataset) -> None:
    for protocol in ("voc", "coco"):
        best = {**ROWS[0], "bbox": [1, 2, -3, 4], "score": 1.0}
        report = evaluate([best, *ROWS], dataset, protocol)
        assert report.map < evaluate(ROWS, dataset, protocol).map
        assert "1 box with a negative side (first: detections: record[0])" in report.notes[0]


def test_missing_fields_and_files(tmp_path: Path, dataset: Dataset) -> None:
    for field in ("image_id", "category_id", "bbox", "score"):
        row = {key: value for key, value in ROWS[1].items() if key != field}
        with pytest.raises(EvaluationError, match=rf"record\[1\] has no '{field}'"):
            evaluate([ROWS[0], row], dataset)
    with pytest.raises(EvaluationError, match="no list 'annotations'"):
        evaluate({}, dataset)
    with pytest.raises(EvaluationError, match=r"record\[0\] is 3; expected an object"):
        evaluate([3], dataset)  # type: ignore[list-item]
    with pytest.raises(EvaluationError, match="no such file"):
        evaluate(tmp_path / "none.json", dataset)
    bad = tmp_path / "bad.json"
    bad.write_text('[{"image_id": 1, "category_id": 1, "bbox": [0, 0, 1, 1], "score": NaN}]')
    with pytest.raises(EvaluationError, match="'score' is nan"):
        evaluate(bad, dataset)
    bad.write_text("3")
    with pytest.raises(EvaluationError, match="expected a list of detections"):
        evaluate(bad, dataset)


def test_suspected_mistakes_are_noted(dataset: Dataset) -> None:
    fractions = [{**row, "bbox": [0.1, 0.1, 0.5, 0.5]} for row in ROWS]
    report = evaluate(fractions, dataset)
    assert "fractions" in report.notes[0] and "Note: every box" in report.table()
    corners = [{**row, "bbox": [600, 600, 900, 900]} for row in ROWS]
    assert "[x1, y1, x2, y2]" in evaluate(corners, dataset).notes[0]


def random_case(folder: Path, seed: int) -> tuple[Path, list[dict[str, Any]]]:
    """Truths with crowds and areas of every size, detections near and off them, tied scores."""
    generator = np.random.default_rng(seed)
    truths, rows = [], []
    for number in range(1, 120):
        image, category = int(generator.integers(1, 13)), int(generator.integers(1, 5))
        x, y, w, h = (float(v) for v in generator.uniform(1, 1, 4) * generator.uniform(1, 300, 4))
        extra = {"id": number, "area": w * h * 0.8, "iscrowd": int(generator.random() < 0.1)}
        truths.append(truth(image, category, (x, y, x + w, y + h), **extra))
        for _ in range(int(generator.integers(0, 4))):
            dx, dy = generator.normal(0, 0.1, 2) * (w, h)
            box = (x + dx, y + dy, x + dx + w * 1.1, y + dy + h)
            score = round(float(generator.random()), 1)
            rows.append(found(image, category, tuple(float(v) for v in box), score))  # type: ignore[arg-type]
    dataset_of(folder, truths, images=12, names=["a", "b", "c", "d", "e"])
    return folder / "truth.json", rows


@pytest.mark.parametrize("seed", range(3))
def test_coco_figures_are_those_of_pycocotools(tmp_path: Path, seed: int) -> None:
    path, rows = random_case(tmp_path, seed)
    report = evaluate(rows, read_dataset(path), "coco")
    expected = pycocotools_stats(path, rows)
    assert [-1 if math.isnan(v) else v for v in report.stats.values()] == expected
    assert report.map == expected[0] and 0.1 < report.map < 1
    assert math.isnan(report.per_class["e"])
    counted = [value for value in report.per_class.values() if not math.isnan(value)]
    assert np.mean(counted) == pytest.approx(report.map, abs=1e-12)


def test_coco_prints_nothing_where_pycocotools_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [truth(1, 1, (10, 10, 60, 60), id=0), truth(2, 2, (0, 0, 200, 100), id=0)]
    dataset = dataset_of(tmp_path, rows, images=2, names=["cat", "dog"])
    assert evaluate(ROWS, dataset, "coco").map == pytest.approx(1)
    empty = evaluate([], dataset, "coco")
    assert empty.map == 0 and math.isnan(empty.stats["APs"]) and empty.stats["AR100"] == 0
    nothing = dataset_of(tmp_path, [], images=2, names=["cat", "dog"])
    for protocol in ("voc", "coco"):
        assert math.isnan(evaluate(ROWS, nothing, protocol).map)
    assert capsys.readouterr().out == ""


def test_published_coco_case() -> None:
    folder = published("coco_val2014_100_fakebbox")
    report = evaluate(folder / "dt.json", read_dataset(folder / "gt.json"), "coco")
    expected = json.loads((folder / "expected.json").read_text())
    assert list(report.stats.values()) == expected["pycocotools_2_0_11"]
    assert list(report.stats) == expected["names"]
    rows = json.loads((folder / "dt.json").read_text())
    assert list(report.stats.values()) == pycocotools_stats(folder / "gt.json", rows)
    assert "AP 0.505" in " ".join(report.table().split())
