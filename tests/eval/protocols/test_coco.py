"""The COCO protocol against pycocotools: every figure and every array, bit for bit."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from eval import EvaluationError, evaluate, read_dataset
from eval.matching import CUT, FALSE, IGNORED, TRUE
from eval.protocols import coco
from eval.protocols.coco_result import STAT_NAMES
from eval.protocols.options import CocoOptions, Options, in_force

SHARED = Path(__file__).parents[4] / "shared"
PUBLISHED = SHARED / "reference/eval/coco_val2014_100_fakebbox"


def pycocotools(
    truth: dict[str, Any], detections: list[dict[str, Any]], options: Options | None = None
) -> Any:
    """pycocotools' COCOeval after evaluate, accumulate and summarize."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        ground = COCO()
        ground.dataset = truth
        ground.createIndex()
        reference = COCOeval(ground, ground.loadRes(detections), "bbox")
        if options is not None:
            reference.params.iouThrs = options.iou_thresholds
            reference.params.recThrs = options.recall_thresholds
            reference.params.maxDets = list(options.max_detections)
            reference.params.areaRng = [list(bounds) for bounds in options.areas.values()]
            reference.params.areaRngLbl = list(options.areas)
        reference.evaluate()
        reference.accumulate()
        reference.summarize()
    return reference


def assert_identical(
    folder: Path,
    truth: dict[str, Any],
    detections: list[dict[str, Any]],
    options: Options | None = None,
    *,
    official: bool = False,
) -> None:
    paths = folder / "truth.json", folder / "detections.json"
    for path, content in zip(paths, (truth, detections), strict=True):
        path.write_bytes(orjson.dumps(content))
    reference = pycocotools(truth, detections, options and in_force(options))
    report = evaluate(paths[1], read_dataset(paths[0]), "coco", options=options, official=official)
    assert report.coco is not None
    stats = report.stats if options is None else report.coco.official_stats()
    ours = [-1.0 if np.isnan(value) else value for value in stats.values()]
    assert [float(value).hex() for value in ours] == [float(v).hex() for v in reference.stats]
    for name in ("precision", "recall", "scores"):
        np.testing.assert_array_equal(getattr(report.coco, name), reference.eval[name], name)


COORDINATES = st.one_of(st.integers(0, 12), st.floats(0, 12, width=32), st.floats(0, 1000))
# No sides whose product underflows: pycocotools treats the IoU 0 / 0 as a match (see coco.py).
SIDES = st.one_of(st.integers(0, 9), st.floats(0.25, 9, width=16), st.floats(1e-9, 400))
BOXES = st.tuples(COORDINATES, COORDINATES, SIDES, SIDES).map(list)
SCORES = st.one_of(st.sampled_from([0, 0.25, 0.5, 0.5, 1]), st.floats(-2, 2), st.just(-0.0))
WHOLE = st.one_of(st.integers(-3, 12), st.integers(2**53 - 2, 2**53 + 9), st.integers(2**62, 2**63))
IDS = st.one_of(st.integers(1, 9), WHOLE.filter(lambda n: n < 2**63))


@st.composite
def problems(draw: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    images = draw(st.lists(IDS, min_size=1, max_size=4, unique=True))
    categories = draw(st.lists(IDS, min_size=1, max_size=3, unique=True))
    cells = {"image_id": st.sampled_from(images), "category_id": st.sampled_from(categories)}
    objects = st.fixed_dictionaries(
        {
            **cells,
            "bbox": BOXES,
            "area": st.one_of(st.sampled_from([0, 1024, 1024.0, 9216, 1e10, 2e10]), SIDES),
            "iscrowd": st.sampled_from([0, 0, 0, 1]),
            "ignore": st.sampled_from([0, 0, 1]),
        }
    )
    annotations = draw(st.lists(objects, max_size=14))
    numbers = draw(st.permutations(range(1, len(annotations) + 1)))
    annotations = [{"id": n, **a} for n, a in zip(numbers, annotations, strict=True)]
    free = st.fixed_dictionaries({**cells, "bbox": BOXES, "score": SCORES})
    detections = draw(st.lists(free, min_size=1, max_size=12))
    for annotation in annotations:  # and some that overlap an object, a few of them more than once
        for _ in range(draw(st.integers(0, 3))):
            shift = draw(st.sampled_from([0, 0, 0.125, 1]))
            x, y, w, h = annotation["bbox"]
            near = {key: annotation[key] for key in ("image_id", "category_id")}
            detections.append({**near, "bbox": [x + shift, y, w, h], "score": draw(SCORES)})
    truth = {
        "images": [{"id": i, "file_name": f"{i}.jpg", "width": 640, "height": 480} for i in images],
        "categories": [{"id": i, "name": str(i)} for i in categories],
        "annotations": annotations,
    }
    return truth, draw(st.permutations(detections))


@st.composite
def choices(draw: Any) -> Options:
    bounds = st.lists(st.sampled_from([0, 4, 9.5, 1024, 9216, 1e10]), min_size=2, max_size=2)
    limits = st.lists(st.integers(1, 6) | st.just(100), min_size=3, max_size=4, unique=True)
    ranges = {name: tuple(sorted(draw(bounds))) for name in ("all", "small", "medium", "large")}
    return Options(
        iou_thresholds=np.array(sorted(draw(st.lists(st.floats(0, 1), min_size=1, max_size=12)))),
        recall_thresholds=np.array(
            sorted(draw(st.lists(st.floats(0, 1), min_size=1, max_size=20)))
        ),
        max_detections=tuple(draw(limits)),
        areas=ranges,  # type: ignore[arg-type]
    )


MANY = settings(
    max_examples=250,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@MANY
@given(problems())
def test_random_problems_are_identical(tmp_path: Path, problem: Any) -> None:
    assert_identical(tmp_path, *problem)


@MANY
@given(problems(), choices())
def test_random_problems_and_options_are_identical(
    tmp_path: Path, problem: Any, options: Options
) -> None:
    if len(options.max_detections) == 3:  # the only number for which pycocotools has names
        assert_identical(tmp_path, *problem, options)
    assert_identical(tmp_path, *problem, options, official=True)


@settings(MANY, max_examples=100)
@given(problems(), st.data())
def test_official_quirks_of_ids_and_sides_are_identical(
    tmp_path: Path, problem: Any, data: Any
) -> None:
    truth, detections = problem
    for annotation in truth["annotations"]:
        annotation["id"] = data.draw(st.integers(0, 3))
    for detection in detections:
        sides = data.draw(st.sampled_from([(1, 1), (1, 1), (-1, 1), (1, -1), (-1, -1)]))
        x, y, w, h = detection["bbox"]
        detection["bbox"] = [x, y, w * sides[0], h * sides[1]]
    assert_identical(tmp_path, truth, detections, official=True)


@pytest.mark.skipif(not PUBLISHED.exists(), reason="the published example is not here")
def test_the_published_example(tmp_path: Path) -> None:
    truth = orjson.loads((PUBLISHED / "gt.json").read_bytes())
    detections = orjson.loads((PUBLISHED / "dt.json").read_bytes())
    assert_identical(tmp_path, truth, detections)
    expected = json.loads((PUBLISHED / "expected.json").read_text())
    report = evaluate(PUBLISHED / "dt.json", read_dataset(PUBLISHED / "gt.json"), "coco")
    assert list(report.stats.values()) == list(expected["pycocotools_2_0_11"])


def problem(objects: int, detections: list[list[float]]) -> tuple[dict[str, Any], list[Any]]:
    truth = {
        "images": [{"id": 1, "file_name": "a.jpg", "width": 100, "height": 100}],
        "categories": [{"id": 1, "name": "dog"}],
        "annotations": [
            {"id": i, "image_id": 1, "category_id": 1, "bbox": [20 * i, 0, 10, 10]}
            for i in range(objects)
        ],
    }
    rows = [
        {"image_id": 1, "category_id": 1, "bbox": box, "score": 1 - 0.1 * i}
        for i, box in enumerate(detections)
    ]
    return truth, rows


def written(folder: Path, truth: dict[str, Any]) -> Path:
    path = folder / "truth.json"
    path.write_bytes(orjson.dumps(truth))
    return path


def test_by_hand(tmp_path: Path) -> None:
    # True, false, true: precision 1, then 2/3 from recall 0.51 on.
    truth, rows = problem(2, [[0, 0, 10, 10], [70, 50, 10, 10], [20, 0, 10, 10]])
    report = evaluate(rows, read_dataset(written(tmp_path, truth)), "coco")
    expected = (51 * 1 + 50 * 2 / 3) / 101
    assert report.map == pytest.approx(expected, abs=1e-12)
    assert report.stats["AR1"] == 0.5 and report.stats["AR100"] == 1
    assert np.isnan(report.stats["APm"])
    assert report.matches is not None
    assert report.matches.outcomes.tolist() == [TRUE, FALSE, TRUE]
    assert report.matches.truths.tolist() == [0, -1, 1]


def test_ids_from_zero_do_not_matter_unless_official(tmp_path: Path) -> None:
    truth, rows = problem(2, [[0, 0, 10, 10], [20, 0, 10, 10]])
    dataset = read_dataset(written(tmp_path, truth))
    strict = evaluate(rows, dataset, "coco")
    assert strict.map == 1 and "id 0" in strict.notes[0] and not strict.quirks
    official = evaluate(rows, dataset, "coco", official=True)
    assert official.map == pytest.approx(0.5 * 51 / 101, abs=1e-9)
    assert official.quirks == ("1 annotation with id 0 counted as missed",)


def test_crowds_ignore_detections_and_the_limit_cuts_them(tmp_path: Path) -> None:
    truth, rows = problem(1, [[0, 0, 5, 5], [1, 1, 5, 5], [50, 50, 5, 5]])
    truth["annotations"][0]["iscrowd"] = 1
    dataset = read_dataset(written(tmp_path, truth))
    limits = Options(max_detections=(1, 2))
    report = evaluate(rows, dataset, "coco", options=limits)
    assert report.matches is not None
    assert report.matches.outcomes.tolist() == [IGNORED, IGNORED, CUT]
    assert any("more than 2 of one class in one image" in note for note in report.notes)
    assert [name for name in report.stats if name.startswith("AR")] == [
        "AR1",
        "AR2",
        *STAT_NAMES[9:],
    ]
    assert np.isnan(report.map)


def test_boxes_without_any_area_never_match(tmp_path: Path) -> None:
    # A known difference: pycocotools treats their IoU, 0 / 0, as a match.
    truth, rows = problem(1, [[0, 0, 1e-170, 1e-170]])
    truth["annotations"][0]["bbox"] = [0, 0, 1e-170, 1e-170]
    assert evaluate(rows, read_dataset(written(tmp_path, truth)), "coco").map == 0


def test_no_detections(tmp_path: Path) -> None:
    truth, _ = problem(1, [])
    dataset = read_dataset(written(tmp_path, truth))
    assert evaluate([], dataset, "coco").map == 0
    with pytest.raises(EvaluationError, match="pycocotools stops"):
        evaluate([], dataset, "coco", official=True)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"iou_thresholds": np.array([0.6, 0.5])}, "iou_thresholds: expected one or more"),
        ({"recall_thresholds": np.array([])}, "recall_thresholds: expected one or more"),
        ({"max_detections": ()}, "max_detections"),
        ({"max_detections": (0, 5)}, "whole numbers from 1"),
        ({"iou_thresholds": np.linspace(0, 1, 65)}, "more than 64"),
        ({"areas": {}}, "one or more ranges"),
    ],
)
def test_options_that_make_no_sense(option: Any, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        CocoOptions(**option)


def test_one_thread_and_many_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(5)
    truth, _ = problem(1, [])
    truth["categories"] = [{"id": i, "name": str(i)} for i in range(1, 8)]
    rows = [
        {
            "image_id": 1,
            "category_id": int(generator.integers(1, 8)),
            "bbox": generator.uniform(0, 50, 4).tolist(),
            "score": float(generator.integers(0, 99)),
        }
        for _ in range(900)
    ]
    dataset = read_dataset(written(tmp_path, truth))
    table = evaluate(rows, dataset, "coco")
    monkeypatch.setattr(coco, "DETECTIONS_PER_THREAD", 10)
    monkeypatch.setattr(coco, "processors", lambda: 5)
    again = evaluate(rows, dataset, "coco")
    assert table.coco is not None and again.coco is not None
    np.testing.assert_array_equal(table.coco.precision, again.coco.precision)
    assert table.matches is not None and again.matches is not None
    np.testing.assert_array_equal(table.matches.outcomes, again.matches.outcomes)
