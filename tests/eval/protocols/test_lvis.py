"""The LVIS protocol: figures worked out by hand, plain Python, and the lvis package."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from eval import EvaluationError, Report, evaluate, read_dataset
from eval.matching import CUT, FALSE, IGNORED, TRUE
from eval.protocols import lvis
from eval.report import write_report
from eval.why import explain
from tests.eval.protocols import plain_lvis

CAT, DOG, OWL = 1, 2, 3
LEFT, RIGHT = [10, 10, 100, 100], [200, 10, 100, 100]


def truth() -> dict[str, Any]:
    """A cat and a dog in image 1, which has no owl; a cat in image 2; nothing known of image 3."""
    images = [
        {"id": 1, "neg_category_ids": [OWL], "not_exhaustive_category_ids": []},
        {"id": 2, "neg_category_ids": [], "not_exhaustive_category_ids": [CAT]},
        {"id": 3, "neg_category_ids": [], "not_exhaustive_category_ids": []},
    ]
    url = "http://images.cocodataset.org/val2017/{:012}.jpg"
    sides = {"width": 640, "height": 480}
    kinds = {CAT: ("cat", "f"), DOG: ("dog", "c"), OWL: ("owl", "r")}
    places = [(1, CAT, LEFT), (1, DOG, RIGHT), (2, CAT, LEFT)]
    return {
        "images": [{**i, **sides, "coco_url": url.format(i["id"])} for i in images],
        "categories": [{"id": k, "name": n, "frequency": f} for k, (n, f) in kinds.items()],
        "annotations": [
            {"id": n, "image_id": i, "category_id": c, "bbox": box, "area": 10000}
            for n, (i, c, box) in enumerate(places, start=1)
        ],
    }


def found(image: int, category: int, box: list[float], score: float) -> dict[str, Any]:
    return {"image_id": image, "category_id": category, "bbox": box, "score": score}


HITS = [found(1, CAT, LEFT, 0.5), found(1, DOG, RIGHT, 0.5), found(2, CAT, LEFT, 0.5)]


def judged(document: dict[str, Any], detections: list[dict[str, Any]], **options: Any) -> Report:
    return evaluate(detections, read_dataset(document), "lvis", **options)


@pytest.mark.parametrize(
    ("extra", "outcome", "ap"),
    [
        # A class that is listed as absent, and one that has objects: the detection is false.
        (found(1, OWL, LEFT, 0.9), FALSE, {"cat": 1, "dog": 1}),
        (found(1, DOG, LEFT, 0.9), FALSE, {"cat": 1, "dog": 0.5}),
        # 1 of 2 at recall up to 1/2, then 2 of 3: the better one counts at all levels of recall.
        (found(1, CAT, RIGHT, 0.9), FALSE, {"cat": 2 / 3, "dog": 1}),
        # Nobody looked for dogs in image 2, or for anything in image 3.
        (found(2, DOG, LEFT, 0.9), IGNORED, {"cat": 1, "dog": 1}),
        (found(3, CAT, LEFT, 0.9), IGNORED, {"cat": 1, "dog": 1}),
        # Image 2 may have more cats than are annotated, but a hit on the annotated one counts.
        (found(2, CAT, RIGHT, 0.9), IGNORED, {"cat": 1, "dog": 1}),
        (found(2, CAT, LEFT, 0.9), TRUE, {"cat": 1, "dog": 1}),
    ],
)
def test_only_what_an_image_was_checked_for_counts(
    extra: dict[str, Any], outcome: int, ap: dict[str, float]
) -> None:
    report = judged(truth(), [*HITS, extra])
    assert report.matches is not None
    assert report.matches.outcomes[-1] == outcome
    assert np.isnan(report.per_class.pop("owl"))
    assert report.per_class == pytest.approx(ap, abs=1e-12)
    assert report.stats["APf"] == pytest.approx(ap["cat"], abs=1e-12)
    assert report.stats["APc"] == pytest.approx(ap["dog"], abs=1e-12)
    assert np.isnan(report.stats["APr"]) and report.stats["AR@300"] == 1


def test_the_limit_of_300_is_over_all_classes_and_comes_first() -> None:
    # 299 better detections of a class that image 1 was not checked for, and of which none counts.
    document = truth()
    document["images"][0]["neg_category_ids"] = []
    owls = [found(1, OWL, LEFT, 0.9)] * 299
    assert judged(document, [*owls, *HITS]).stats["AR@300"] == pytest.approx((1 + 0) / 2)
    report = judged(document, [*owls[:-1], *HITS])
    assert report.stats["AR@300"] == 1
    report = judged(document, [*owls, *HITS])
    assert report.matches is not None
    assert report.matches.outcomes[-3:].tolist() == [TRUE, CUT, TRUE]
    assert "1 of 302 detections not evaluated: more than 300 in one image" in report.notes


def test_ignored_objects_match_one_detection_and_crowds_do_not_exist() -> None:
    document = truth()
    document["annotations"][1]["ignore"] = 1
    twice = [*HITS, found(1, DOG, RIGHT, 0.4)]
    report = judged(document, twice)
    assert report.matches is not None
    assert report.matches.outcomes.tolist() == [TRUE, IGNORED, TRUE, FALSE]
    assert np.isnan(report.per_class["dog"])
    document = truth()
    document["annotations"][1]["iscrowd"] = 1
    report = judged(document, twice)
    assert report.matches is not None
    assert report.matches.outcomes.tolist() == [TRUE, TRUE, TRUE, FALSE]
    assert "crowds, which count like all other objects: 1" in report.notes


def test_without_the_fields_of_lvis_one_line_says_so(tmp_path: Path) -> None:
    document = truth()
    for image in document["images"]:
        del image["neg_category_ids"], image["not_exhaustive_category_ids"]
    with pytest.raises(EvaluationError, match="no image has 'neg_category_ids'") as caught:
        judged(document, HITS)
    assert len(str(caught.value).splitlines()) == 1


def test_faults_in_the_fields_are_noted_under_lvis_alone() -> None:
    document = truth()
    del document["images"][2]["neg_category_ids"]
    document["images"][1]["not_exhaustive_category_ids"] = [CAT, 99, "x", [1]]
    del document["categories"][0]["frequency"]
    report = judged(document, HITS)
    for part in (
        "1 of 3 images have no list 'neg_category_ids', which is taken as empty (first: images[2])",
        "which are left out: 3 (first: images[1], 99)",
        "1 of 3 classes without a 'frequency'",
    ):
        assert sum(part in note for note in report.notes) == 1, part
    assert report.map == pytest.approx(1) and np.isnan(report.stats["APf"])
    notes = evaluate(HITS, read_dataset(document), "coco").notes
    assert ["neg_category_ids" in note for note in notes].count(True) == 0
    assert ["--protocol lvis" in note for note in notes].count(True) == 1
    assert any("count as false here, and figures are lower" in note for note in notes)
    notes = evaluate(HITS, read_dataset(document), "open_images").notes
    assert any("some classes are annotated only in part" in note for note in notes)
    assert not any("checked for some classes only" in note for note in notes)


def test_parts_of_the_data_keep_the_fields() -> None:
    detections = [*HITS, found(2, DOG, LEFT, 0.9), found(2, CAT, RIGHT, 0.9)]
    whole = read_dataset(truth())
    part = whole.subset([1]).with_classes(["dog", "cat"])
    assert part.verified is not None and not len(part.verified)
    owls = whole.subset([1, 0]).with_classes(["dog", "owl"])
    assert owls.verified is not None and owls.verified.tolist() == [[1, 1]]
    assert part.federation is not None
    assert part.federation.not_exhaustive.tolist() == [[0, 1]]
    assert part.federation.frequencies == ("c", "f")
    own = [d for d in detections if d["image_id"] == 2]
    assert evaluate(own, part, "lvis").per_class["cat"] == pytest.approx(1)


def test_a_picture_is_named_by_its_address() -> None:
    assert read_dataset(truth()).images[0].file_name == "val2017/000000000001.jpg"


def test_the_explanation_leaves_out_what_the_protocol_does() -> None:
    # Of three false detections only that of the owl counts: it has an IoU of 1 with the cat.
    extras = [
        found(1, OWL, LEFT, 0.9),
        found(2, DOG, RIGHT, 0.9),
        found(2, CAT, RIGHT, 0.9),
        found(3, CAT, LEFT, 0.9),
    ]
    report = judged(truth(), [*HITS, *extras])
    assert report.matches is not None and report.detections is not None
    reasons = explain(report.detections, read_dataset(truth()), report.matches, draws=20)
    assert reasons.tide.counts == {"Cls": 1, "Loc": 0, "Both": 0, "Dupe": 0, "Bkg": 0, "Miss": 0}
    # Of the three classes by themselves and background, in rows the objects.
    assert reasons.confusion.counts.sum() == 4
    assert reasons.classes.average_precisions[:2] == pytest.approx([1, 1])
    assert reasons.intervals is not None and reasons.intervals.mean.value == pytest.approx(1)


def test_tables_of_classes_and_reports(tmp_path: Path) -> None:
    dataset = read_dataset(truth())
    report = evaluate([*HITS, found(2, DOG, LEFT, 0.9)], dataset, "lvis")
    assert report.class_stats["dog"] == pytest.approx({"AP": 1, "AP50": 1, "AP75": 1, "AR@300": 1})
    assert report.detections is not None
    page = write_report(tmp_path, report, report.detections, dataset, other=None)
    text = page.read_text()
    assert "LVIS boxes" in text and "at most 300 detections in an image" in text
    assert "1 of 4 detections not evaluated" in text


COORDINATES = st.integers(0, 12) | st.floats(0, 200, width=32)
SIDES = st.integers(0, 9) | st.floats(0.25, 9, width=16) | st.floats(1, 400)
BOXES = st.tuples(COORDINATES, COORDINATES, SIDES, SIDES).map(list)
AREAS = st.sampled_from([0, 1, 1024, 1024.0, 9216, 1e10, 2e10]) | SIDES
SCORES = st.sampled_from([0, 0.25, 0.5, 0.5, 1]) | st.floats(-2, 2) | st.just(-0.0)
FREQUENCIES = st.sampled_from(["r", "c", "f"])
MANY = settings(
    max_examples=60,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@st.composite
def problems(draw: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Objects and detections, of which many overlap; every list of classes may be anything."""
    images = draw(st.lists(st.integers(0, 50), min_size=1, max_size=4, unique=True))
    categories = draw(st.lists(st.integers(0, 9), min_size=1, max_size=4, unique=True))
    some = st.lists(st.sampled_from([*categories, 77]), max_size=3)
    cells = {"image_id": st.sampled_from(images), "category_id": st.sampled_from(categories)}
    objects = st.fixed_dictionaries({**cells, "bbox": BOXES, "area": AREAS})
    annotations = draw(st.lists(objects, max_size=12))
    for number, annotation in enumerate(annotations, start=1):
        annotation["id"] = number
        if draw(st.sampled_from([True, False, False])):
            annotation["ignore"] = draw(st.integers(0, 1))
    free = st.fixed_dictionaries({**cells, "bbox": BOXES, "score": SCORES})
    detections = draw(st.lists(free, min_size=1, max_size=10))
    for annotation in annotations:
        for _ in range(draw(st.integers(0, 3))):
            x, y, w, h = annotation["bbox"]
            shift = draw(st.sampled_from([0, 0, 0.125, 1]))
            near = {key: annotation[key] for key in ("image_id", "category_id")}
            detections.append({**near, "bbox": [x + shift, y, w, h], "score": draw(SCORES)})
    return {
        "images": [
            {
                "id": identity,
                "width": 640,
                "height": 480,
                "neg_category_ids": draw(some),
                "not_exhaustive_category_ids": draw(some),
            }
            for identity in images
        ],
        "categories": [
            {"id": identity, "name": f"{identity}", "frequency": draw(FREQUENCIES)}
            for identity in categories
        ],
        "annotations": annotations,
    }, draw(st.permutations(detections))


@MANY
@given(problem=problems(), most=st.sampled_from([300, 3]))
def test_figures_equal_those_of_plain_python(problem: Any, most: int) -> None:
    document, detections = problem
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lvis, "MOST", most)
        report = judged(document, detections)
    expected = plain_lvis.figures(document, detections, most)
    assert report.stats == pytest.approx(expected, abs=1e-9, nan_ok=True)


@contextlib.contextmanager
def lvis_package() -> Iterator[Any]:
    """The lvis package, which needs a name that NumPy has removed; without it, the test is skipped.

    It requires opencv-python, which replaces the headless OpenCV that this project needs, so that
    it is no requirement of the tests: `pip install --no-deps lvis` leaves OpenCV alone.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "float", float, raising=False)
        yield pytest.importorskip("lvis", reason="pip install --no-deps lvis")


@MANY
@given(problem=problems(), most=st.sampled_from([300, 3]))
def test_arrays_equal_those_of_the_package(tmp_path: Path, problem: Any, most: int) -> None:
    document, detections = problem
    assert_identical(tmp_path, document, detections, most)


@pytest.mark.parametrize("ids", [(0, 1, 2), (1, 1, 2), (5, 5, 5)])
def test_the_official_mode_counts_ids_as_the_package_does(
    tmp_path: Path, ids: tuple[int, ...]
) -> None:
    document = truth()
    for annotation, identity in zip(document["annotations"], ids, strict=True):
        annotation["id"] = identity
    assert_identical(tmp_path, document, HITS, 300, official=True)
    assert len(judged(document, HITS, official=True).quirks) == 1


def assert_identical(
    folder: Path,
    document: dict[str, Any],
    detections: list[dict[str, Any]],
    most: int,
    *,
    official: bool = False,
) -> None:
    path = folder / "truth.json"
    path.write_text(json.dumps(document))
    with lvis_package() as package:
        ground = package.LVIS(str(path))
        results = package.LVISResults(ground, copy.deepcopy(detections), max_dets=most)
        reference = package.LVISEval(ground, results, "bbox")
        reference.params.max_dets = most
        reference.run()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lvis, "MOST", most)
        report = evaluate(detections, read_dataset(path), "lvis", official=official)
    ours = {name: -1.0 if np.isnan(v) else v for name, v in report.stats.items()}
    assert ours == {name: float(value) for name, value in reference.results.items()}
    assert report.coco is not None
    np.testing.assert_array_equal(report.coco.precision[..., 0], reference.eval["precision"])
    np.testing.assert_array_equal(report.coco.recall[..., 0], reference.eval["recall"])
