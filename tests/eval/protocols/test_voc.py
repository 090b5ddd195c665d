"""The VOC protocol against tables worked by hand, published results and the devkit's program."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval import EvaluationError, evaluate
from eval.curves import class_curves
from eval.matching import FALSE, IGNORED, TRUE
from eval.protocols import voc
from tests.eval import official
from tests.eval.cases import (
    CLASSES,
    IMAGES,
    SHIPPED,
    arrays_of,
    dataset_of,
    found,
    problems,
    published,
    truth,
)
from tests.eval.official import Found, Given

# Two cats and a difficult one on image 1, a cat and a dog on image 2, no bird that counts.
TRUTHS = [
    truth(1, 1, (0, 0, 10, 10)),
    truth(1, 1, (100, 100, 110, 110)),
    truth(1, 1, (200, 200, 210, 210), difficult=1),
    truth(2, 1, (0, 0, 10, 10)),
    truth(2, 2, (50, 50, 60, 60)),
    truth(2, 3, (70, 70, 80, 80), ignore=1),
]
# Cats by score: 0.9 true, 0.8 difficult (ignored), 0.7 second on the same cat: false,
# 0.6 IoU exactly 0.5: true, 0.5 beside everything: false. Third cat is missed: recall 2/3.
# precision 1, 1, 1/2, 2/3, 2/4 at recall 1/3, 1/3, 1/3, 2/3, 2/3.
DETECTIONS = [
    found(1, 1, (500, 500, 510, 510), 0.5),
    found(1, 1, (0, 0, 10, 10), 0.9),
    found(1, 1, (200, 200, 210, 210), 0.8),
    found(1, 1, (1, 0, 10, 10), 0.7),
    found(2, 1, (0, 0, 10, 5), 0.6),
    found(2, 3, (70, 70, 80, 80), 0.9),
]
NAMES = ["cat", "dog", "bird", "fish"]


def test_hand_worked_table(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, TRUTHS, images=3, names=NAMES)
    report = evaluate(DETECTIONS, dataset, "voc")
    # 1/3 at precision 1, 1/3 at precision 2/3
    assert report.per_class["cat"] == pytest.approx(1 / 3 + 2 / 9, abs=1e-12)
    assert report.per_class["dog"] == 0
    assert np.isnan(report.per_class["bird"]) and np.isnan(report.per_class["fish"])
    assert report.map == pytest.approx((5 / 9 + 0) / 2, abs=1e-12)
    # recall 0, 0.1, 0.2, 0.3 see precision 1; 0.4, 0.5, 0.6 see 2/3; 0.7 to 1 nothing
    eleven = evaluate(DETECTIONS, dataset, "voc2007")
    assert eleven.per_class["cat"] == pytest.approx((4 + 3 * 2 / 3) / 11, abs=1e-12)
    lines = [" ".join(line.split()) for line in report.table().splitlines()]
    assert "mAP 0.278" in lines and "bird –" in lines and "cat 0.556" in lines


A, B = (0.0, 0.0, 9.0, 9.0), (0.0, 4.0, 9.0, 13.0)
FAR = (50.0, 50.0, 59.0, 59.0)


def outcomes_of(rows: list[Found], objects: list[Given], **options: Any) -> list[tuple[int, int]]:
    table, dataset = arrays_of(rows, objects, 2, ["cat", "dog"], options.pop("excluded", ()))
    matches = voc.match(table, dataset, **options)
    assert matches.protocol == "voc" and len(matches.counted) == len(objects)
    return list(zip(matches.outcomes.tolist(), matches.truths.tolist(), strict=True))


def test_only_the_largest_overlap_counts_even_when_it_is_taken() -> None:
    # Both overlap the first object most; VOC does not match the second one to the other object.
    rows = [Found(0, 0, 0.9, A), Found(0, 0, 0.8, (0.0, 1.0, 9.0, 10.0))]
    assert outcomes_of(rows, [Given(0, 0, A), Given(0, 0, B)]) == [(TRUE, 0), (FALSE, -1)]


def test_highest_score_is_true_and_among_equals_the_first_in_the_file() -> None:
    object_ = [Given(0, 0, A)]
    rows = [Found(0, 0, 0.5, A), Found(0, 0, 0.9, A), Found(0, 0, 0.9, A)]
    assert outcomes_of(rows, object_) == [(FALSE, -1), (TRUE, 0), (FALSE, -1)]
    assert outcomes_of(rows[1:], object_) == [(TRUE, 0), (FALSE, -1)]


def test_of_equal_overlaps_the_first_object_counts() -> None:
    objects = [Given(0, 0, A, difficult=True), Given(0, 0, A)]
    assert outcomes_of([Found(0, 0, 0.9, A)], objects) == [(IGNORED, 0)]
    assert outcomes_of([Found(0, 0, 0.9, A)], objects[::-1]) == [(TRUE, 0)]


def test_other_images_and_classes_do_not_matter() -> None:
    assert outcomes_of([Found(1, 0, 0.9, A), Found(0, 1, 0.9, A)], [Given(0, 0, A)]) == [
        (FALSE, -1),
        (FALSE, -1),
    ]


def test_the_threshold_itself_is_reached() -> None:
    # rows 0..4 of 0..9: 50 of 100 pixels
    half = [Found(0, 0, 0.9, (0.0, 0.0, 9.0, 4.0))]
    assert outcomes_of(half, [Given(0, 0, A)]) == [(TRUE, 0)]
    assert outcomes_of(half, [Given(0, 0, A)], iou_threshold=0.501) == [(FALSE, -1)]
    for wrong in (0, -0.1, 1.1, float("nan")):
        with pytest.raises(EvaluationError, match="expected above 0, at most 1"):
            outcomes_of(half, [Given(0, 0, A)], iou_threshold=wrong)


def test_boxes_without_area_match_nothing() -> None:
    degenerate = (5.0, 5.0, 4.0, 8.0)
    rows = [Found(0, 0, 0.9, degenerate), Found(0, 0, 0.8, (float("nan"), 0.0, 9.0, 9.0))]
    objects = [Given(0, 0, degenerate), Given(0, 0, A)]
    assert outcomes_of(rows, objects) == [(FALSE, -1), (FALSE, -1)]
    table, dataset = arrays_of(rows, objects, 1, ["cat"])
    matches = voc.match(table, dataset)
    assert voc.quirks(matches, table, dataset) == (
        "detections with NaN in their boxes, which match nothing: 1",
        "detections without width or height, which match nothing: 1",
        "objects without width or height, which nothing matches: 1",
    )


def test_excluded_pairs_are_ignored() -> None:
    rows = [Found(0, 0, 0.9, A), Found(0, 1, 0.9, A), Found(1, 0, 0.8, FAR)]
    objects = [Given(0, 0, A), Given(0, 1, A), Given(1, 0, A)]
    assert outcomes_of(rows, objects, excluded=[(0, 0)]) == [(IGNORED, -1), (TRUE, 1), (FALSE, -1)]
    matches = voc.match(*arrays_of(rows, objects, 2, ["cat", "dog"], [(0, 0)]))
    assert matches.counted.tolist() == [False, True, True]
    assert matches.found.tolist() == [False, True, False]


def test_what_the_devkit_makes_of_classes_without_objects() -> None:
    rows = [Found(0, 0, 0.9, A), Found(0, 1, 0.9, A)]
    objects = [Given(0, 0, A, difficult=True), Given(0, 0, FAR)]
    table, dataset = arrays_of(rows, objects, 1, ["cat", "dog", "bird"])
    matches = voc.match(table, dataset)

    def official_and_strict(protocol: str) -> list[list[float]]:
        return [
            voc.average_precisions(matches, table, dataset, protocol, official=way).tolist()
            for way in (True, False)
        ]

    nan = float("nan")
    np.testing.assert_equal(official_and_strict("voc"), [[0, nan, 0], [0, nan, nan]])
    np.testing.assert_equal(official_and_strict("voc2007"), [[nan, 0, 0], [0, nan, nan]])
    assert voc.quirks(matches, table, dataset, "voc", official=True) == (
        "classes with detections but without objects that count have AP NaN: dog",
        "classes with neither detections nor objects that count have AP 0: bird",
    )
    assert voc.quirks(matches, table, dataset, "voc2007", official=True) == (
        "classes without objects that count have AP 0: dog, bird",
        "classes with all detections on difficult objects have AP NaN: cat",
    )
    assert voc.quirks(matches, table, dataset, "voc") == ()


@given(problems())
@settings(max_examples=250, deadline=None)
def test_against_the_devkits_program(problem: tuple[list[Found], list[Given]]) -> None:
    rows, objects = problem
    names = [str(label) for label in range(CLASSES)]
    table, dataset = arrays_of(rows, objects, IMAGES, names)
    matches = voc.match(table, dataset)
    curves = class_curves(matches, table, dataset)
    areas = voc.average_precisions(matches, table, dataset, "voc", official=True)
    elevens = voc.average_precisions(matches, table, dataset, "voc2007", official=True)
    for label in range(CLASSES):
        own = [d for d in range(len(rows)) if rows[d].label == label]
        own_objects = [j for j in range(len(objects)) if objects[j].label == label]
        official_rows, recall, precision, order = official.vocevaldet(
            [rows[d] for d in own], [objects[j] for j in own_objects], 0.5
        )
        assert curves[label].rows.tolist() == [own[d] for d in order]
        np.testing.assert_array_equal(curves[label].recall, recall)
        np.testing.assert_array_equal(curves[label].precision, precision)
        np.testing.assert_array_equal(areas[label], official.vocap(recall, precision))
        np.testing.assert_array_equal(elevens[label], official.eleven_points(recall, precision))
        for d, official_row in zip(own, official_rows, strict=True):
            if official_row == official.NOT_COUNTED:
                assert matches.outcomes[d] == IGNORED
                assert objects[matches.truths[d]].difficult
            elif official_row == official.FALSE:
                assert (matches.outcomes[d], matches.truths[d]) == (FALSE, -1)
            else:
                taken = (matches.outcomes[d], matches.truths[d])
                assert taken == (TRUE, own_objects[official_row])
    # whole pixels made continuous overlap as they did
    again = voc.match(*arrays_of(rows, objects, IMAGES, names, layout="xywh"))
    np.testing.assert_array_equal(again.outcomes, matches.outcomes)
    np.testing.assert_array_equal(again.truths, matches.truths)


starts, sides = st.floats(0, 40), st.floats(8, 50)
boxes = st.builds(lambda x, y, w, h: (x, y, x + w, y + h), starts, starts, sides, sides)


@given(boxes, boxes)
@settings(max_examples=200, deadline=None)
def test_overlaps_are_the_devkits_to_the_last_bit(box: official.Box, other: official.Box) -> None:
    shared = official.overlap(box, other)
    if shared > 0:
        above = float(np.nextafter(shared, 2))
        rows, objects = [Found(0, 0, 0.5, box)], [Given(0, 0, other)]
        assert outcomes_of(rows, objects, iou_threshold=shared) == [(TRUE, 0)]
        if above <= 1:
            assert outcomes_of(rows, objects, iou_threshold=above) == [(FALSE, -1)]


def test_tensorflow_pascal_case(tmp_path: Path) -> None:
    case = json.loads((SHIPPED / "tensorflow_pascal.json").read_text())

    def rows(table: str) -> list[dict[str, Any]]:
        return [
            truth(
                item["image"],
                case["names"].index(item["name"]) + 1,
                item["box"],
                **{key: item[key] for key in ("score", "difficult") if key in item},
            )
            for item in case[table]
        ]

    report = evaluate(rows("detections"), dataset_of(tmp_path, rows("truths"), 3, case["names"]))
    assert report.per_class == pytest.approx(case["expected"]["AP"], abs=1e-12)
    assert report.map == pytest.approx(case["expected"]["mAP"], abs=1e-12)


@pytest.mark.parametrize("iou", ["0.1", "0.3", "0.5", "0.75"])
def test_padilla_case(iou: str) -> None:
    case = json.loads((SHIPPED / "padilla.json").read_text())
    table, dataset = arrays_of(
        [Found(row["image"] - 1, 0, row["score"], row["box"]) for row in case["detections"]],
        [Given(row["image"] - 1, 0, row["box"]) for row in case["truths"]],
        7,
        ["object"],
    )
    matches = voc.match(table, dataset, iou_threshold=float(iou))
    for protocol, name in (("voc", "area"), ("voc2007", "eleven_point")):
        average = voc.average_precisions(matches, table, dataset, protocol)
        assert average.tolist() == pytest.approx([case["expected"][name][iou]], abs=1e-9)
    if iou == "0.3":
        curve, shown = class_curves(matches, table, dataset)[0], case["expected"]["at_iou_0_3"]
        assert [f"{value:.2f}" for value in curve.precision] == shown["precision_2dec"]
        assert [f"{value:.2f}" for value in curve.recall] == shown["recall_2dec"]


def read_lines(folder: Path) -> list[tuple[int, list[str]]]:
    files = sorted(folder.glob("*.txt"))
    return [(i, line.split()) for i, f in enumerate(files) for line in f.read_text().splitlines()]


def test_cartucho_case() -> None:
    folder = published("cartucho_sample")
    expected = json.loads((folder / "expected.json").read_text())
    truth_rows = read_lines(folder / "ground-truth")
    found_rows = read_lines(folder / "detection-results")
    names = sorted({words[0] for _, words in truth_rows})

    def box(words: list[str]) -> official.Box:
        return float(words[0]), float(words[1]), float(words[2]), float(words[3])

    table, dataset = arrays_of(
        [
            Found(image, names.index(words[0]), float(words[1]), box(words[2:6]))
            for image, words in found_rows
            if words[0] in names
        ],
        [
            Given(image, names.index(words[0]), box(words[1:5]), words[-1] == "difficult")
            for image, words in truth_rows
        ],
        85,
        names,
    )
    matches = voc.match(table, dataset)
    result = voc.average_precisions(matches, table, dataset)
    assert dict(zip(names, result, strict=True)) == pytest.approx(
        expected["per_class_AP_full"], abs=1e-12
    )
    assert np.nanmean(result) == pytest.approx(expected["mAP_full"], abs=1e-12)
    percents = dict(zip(names, (100 * result).round(2), strict=True))
    assert percents == pytest.approx(expected["per_class_AP_percent"], abs=0.0051)


def test_unknown_protocol(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, TRUTHS, images=2, names=NAMES)
    with pytest.raises(EvaluationError, match="'voc2012' is unknown; choose from 'voc'"):
        evaluate([], dataset, "voc2012")
