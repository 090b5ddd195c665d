"""The ILSVRC protocol against cases made by hand, the official figures and its program."""

from __future__ import annotations

import gzip
import json
import tarfile
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval.curves import class_curves
from eval.datasets import Dataset, ImageRecord, Truths, group_by_image
from eval.detections import DetectionTable
from eval.matching import FALSE, IGNORED, TRUE
from eval.protocols import ilsvrc
from tests.eval import official
from tests.eval.cases import CLASSES, IMAGES, arrays_of, problems, published
from tests.eval.official import Box, Found, Given

A, B = (0.0, 0.0, 99.0, 99.0), (0.0, 20.0, 99.0, 119.0)
FAR = (500.0, 500.0, 599.0, 599.0)
NAMES = ["cat", "dog", "bird"]
NAN = float("nan")


def outcomes_of(rows: list[Found], objects: list[Given], **options: Any) -> list[tuple[int, int]]:
    matches = ilsvrc.match(*arrays_of(rows, objects, 2, NAMES, **options))
    assert matches.protocol == "ilsvrc" and matches.iou_threshold == 0.5
    return list(zip(matches.outcomes.tolist(), matches.truths.tolist(), strict=True))


def test_thresholds_of_small_objects() -> None:
    def side(length: int) -> Box:
        return (7.0, 7.0, 6.0 + length, 6.0 + length)

    objects = [Given(0, 0, side(length)) for length in (10, 24, 25, 500)]
    objects += [Given(0, 0, (0.0, 0.0, 9.0, 89.0)), Given(0, 0, (3.0, 3.0, 2.0, 9.0))]
    _, dataset = arrays_of([], objects, 1, NAMES)
    expected = [
        100 / 400,
        24 * 24 / (34 * 34),
        0.5,  # 625 / 1225 is above
        0.5,
        900 / 2000,  # 10 x 90
        0.0,  # no width
    ]
    assert ilsvrc.object_thresholds(dataset).tolist() == expected
    # 10 x 10 against 4 x 10 of it: IoU 0.4 is enough for an object of that size
    rows = [Found(0, 0, 0.9, (0.0, 0.0, 3.0, 9.0))]
    assert outcomes_of(rows, [Given(0, 0, (0.0, 0.0, 9.0, 9.0))]) == [(TRUE, 0)]
    large = [Found(0, 0, 0.9, (0.0, 0.0, 39.0, 99.0))]
    assert outcomes_of(large, [Given(0, 0, A)]) == [(FALSE, -1)]


def test_the_next_best_object_may_be_taken() -> None:
    # Both overlap A most; the second one matches B, unlike under VOC.
    rows = [Found(0, 0, 0.8, (0.0, 5.0, 99.0, 104.0)), Found(0, 0, 0.9, A)]
    objects = [Given(0, 0, A), Given(0, 0, B)]
    assert outcomes_of(rows, objects) == [(TRUE, 1), (TRUE, 0)]
    # with none left it is a duplicate
    rows.append(Found(0, 0, 0.7, A))
    assert outcomes_of(rows, objects)[2] == (FALSE, -1)


def test_each_object_has_its_own_threshold() -> None:
    # 0.49 is too little for a large object; 0.412 is enough for a small one, whose threshold is
    # 289 / 729.
    large, small = (0.0, 0.0, 59.0, 59.0), (0.0, 0.0, 16.0, 16.0)
    rows = [Found(0, 0, 0.9, (0.0, 0.0, 41.0, 41.0))]
    assert outcomes_of(rows, [Given(0, 0, large)]) == [(FALSE, -1)]  # 1764 / 3600
    near = [Found(0, 0, 0.9, (0.0, 0.0, 26.0, 25.0))]
    assert outcomes_of(near, [Given(0, 0, large), Given(0, 0, small)]) == [(TRUE, 1)]  # 289 / 702


def test_ties_go_by_file_in_an_image_and_by_image_in_a_class() -> None:
    rows = [Found(1, 0, 0.5, FAR), Found(0, 0, 0.5, A), Found(0, 0, 0.5, A)]
    objects = [Given(0, 0, A)]
    table, dataset = arrays_of(rows, objects, 2, NAMES)
    matches = ilsvrc.match(table, dataset)
    assert matches.truths.tolist() == [-1, 0, -1]
    # image 0 first, though the file begins with image 1
    assert class_curves(matches, table, dataset)[0].rows.tolist() == [1, 2, 0]
    assert ilsvrc.average_precisions(matches, table, dataset)[0] == 1


def test_difficult_objects_are_objects_like_others() -> None:
    rows, objects = [Found(0, 0, 0.9, A)], [Given(0, 0, A, difficult=True)]
    assert outcomes_of(rows, objects) == [(TRUE, 0)]
    table, dataset = arrays_of(rows, objects, 2, NAMES)
    matches = ilsvrc.match(table, dataset)
    assert matches.counted.all()
    assert ilsvrc.quirks(matches, table, dataset) == (
        "difficult objects and crowds, which count like all others: 1",
    )


# Image 0 is blacklisted for cats: its two cats do not count, and its detections of cats, one
# right and one wrong, are ignored.
BLACKLIST_ROWS = [
    Found(0, 0, 0.9, FAR),
    Found(0, 0, 0.8, A),
    Found(1, 0, 0.7, A),
    Found(1, 0, 0.6, FAR),
    Found(0, 1, 0.9, A),
]
BLACKLIST_OBJECTS = [
    Given(0, 0, A),
    Given(0, 0, (200.0, 0.0, 299.0, 99.0)),
    Given(0, 1, A),
    Given(1, 0, A),
    Given(1, 0, (200.0, 0.0, 299.0, 99.0)),
]


def test_blacklist() -> None:
    table, dataset = arrays_of(BLACKLIST_ROWS, BLACKLIST_OBJECTS, 2, NAMES, [(0, 0), (1, 2)])
    matches = ilsvrc.match(table, dataset)
    assert matches.outcomes.tolist() == [IGNORED, IGNORED, TRUE, FALSE, TRUE]
    assert matches.truths.tolist() == [-1, -1, 3, -1, 2]
    assert matches.counted.tolist() == [False, False, True, True, True]
    curve = class_curves(matches, table, dataset)[0]
    assert curve.counted == 2 and np.isnan(curve.precision[:2]).all()
    assert curve.precision[2:].tolist() == [1, 0.5] and curve.recall.tolist() == [0, 0, 0.5, 0.5]
    averages = ilsvrc.average_precisions(matches, table, dataset)
    np.testing.assert_equal(averages.tolist(), [0.5, 1, NAN])
    # without it: false, true, true, false; recall 1/4 and 2/4 at precision 1/2 and 2/3
    table, dataset = arrays_of(BLACKLIST_ROWS, BLACKLIST_OBJECTS, 2, NAMES)
    matches = ilsvrc.match(table, dataset)
    averages = ilsvrc.average_precisions(matches, table, dataset)
    np.testing.assert_allclose(averages, [1 / 3, 1, NAN], atol=1e-15)


def test_a_class_that_is_blacklisted_wherever_it_is() -> None:
    rows, objects = [Found(0, 0, 0.9, A), Found(1, 1, 0.9, A)], [Given(0, 0, A), Given(1, 1, A)]
    table, dataset = arrays_of(rows, objects, 2, NAMES, [(0, 0)])
    matches = ilsvrc.match(table, dataset)
    strict = ilsvrc.average_precisions(matches, table, dataset)
    as_official = ilsvrc.average_precisions(matches, table, dataset, official=True)
    np.testing.assert_equal(strict.tolist(), [NAN, 1, NAN])
    np.testing.assert_equal(as_official.tolist(), [NAN, 1, NAN])
    assert ilsvrc.mean_and_median(strict, dataset) == (1, 1)
    assert np.isnan(ilsvrc.mean_and_median(as_official, dataset, official=True)).all()


def test_what_the_official_program_makes_of_classes_without_objects() -> None:
    # cat: detections only; dog: neither; bird: objects only; fish: past the last with objects
    rows = [Found(0, 0, 0.9, A), Found(0, 3, 0.9, A)]
    table, dataset = arrays_of(rows, [Given(0, 2, A)], 1, ["cat", "dog", "bird", "fish"])
    matches = ilsvrc.match(table, dataset)
    strict = ilsvrc.average_precisions(matches, table, dataset)
    np.testing.assert_equal(strict.tolist(), [NAN, NAN, 0, NAN])
    assert ilsvrc.mean_and_median(strict, dataset) == (0, 0)
    as_official = ilsvrc.average_precisions(matches, table, dataset, official=True)
    np.testing.assert_equal(as_official.tolist(), [NAN, 0, 0, NAN])
    assert ilsvrc.quirks(matches, table, dataset, official=True) == (
        "classes with detections but without objects that count have AP NaN: cat",
        "classes with neither detections nor objects that count have AP 0: dog",
        "classes after the last one with objects are left out: fish",
    )
    assert ilsvrc.quirks(matches, table, dataset) == ()


def test_nan_scores_come_first() -> None:
    rows = [Found(0, 0, 0.9, A), Found(0, 0, NAN, A)]
    table, dataset = arrays_of(rows, [Given(0, 0, A)], 1, NAMES[:1])
    matches = ilsvrc.match(table, dataset)
    assert matches.truths.tolist() == [-1, 0]
    assert class_curves(matches, table, dataset)[0].rows.tolist() == [1, 0]
    assert ilsvrc.quirks(matches, table, dataset, official=True) == (
        "detections with score NaN, ranked first: 1",
    )


def test_nothing_at_all() -> None:
    table, dataset = arrays_of([], [], 1, NAMES)
    matches = ilsvrc.match(table, dataset)
    assert np.isnan(ilsvrc.average_precisions(matches, table, dataset)).all()
    for way in (True, False):
        averages = ilsvrc.average_precisions(matches, table, dataset, official=way)
        assert np.isnan(ilsvrc.mean_and_median(averages, dataset, official=way)).all()
    message = ilsvrc.quirks(matches, table, dataset, official=True)
    assert message[0] == "eval_detection.m stops with an error if there are no detections"


pairs = st.tuples(st.integers(0, IMAGES - 1), st.integers(0, CLASSES - 1))


@given(problems(), st.sets(pairs, max_size=4))
@settings(max_examples=300, deadline=None)
def test_against_the_official_program(
    problem: tuple[list[Found], list[Given]], blacklist: set[tuple[int, int]]
) -> None:
    rows, objects = problem
    names = [str(label) for label in range(CLASSES)]
    table, dataset = arrays_of(rows, objects, IMAGES, names, blacklist)
    thresholds = [official.object_threshold(one.box) for one in objects]
    assert ilsvrc.object_thresholds(dataset).tolist() == thresholds
    matches = ilsvrc.match(table, dataset)
    expected, order, averages = official.eval_detection(rows, objects, blacklist, IMAGES)
    names_of = {official.FALSE: (FALSE, -1), official.NOT_COUNTED: (IGNORED, -1)}
    assert list(zip(matches.outcomes, matches.truths, strict=True)) == [
        names_of.get(row, (TRUE, row)) for row in expected
    ]
    curves = class_curves(matches, table, dataset)
    assert [curves[label].rows.tolist() for label in range(len(order))] == order
    ours = ilsvrc.average_precisions(matches, table, dataset, official=True)
    np.testing.assert_array_equal(ours[: len(averages)], averages)
    strict = ilsvrc.average_precisions(matches, table, dataset)
    np.testing.assert_array_equal(strict, np.where(curves.counted > 0, ours, np.nan))
    # whole pixels made continuous overlap as they did
    again = ilsvrc.match(*arrays_of(rows, objects, IMAGES, names, blacklist, "xywh"))
    np.testing.assert_array_equal(again.truths, matches.truths)


@pytest.fixture(scope="module")
def val2() -> tuple[Dataset, DetectionTable, dict[str, Any]]:
    """The 9,917 images of the contest of 2013 and its demo detections, read by plain code."""
    from scipy.io import loadmat

    folder = published("ilsvrc_det_val2_xml")
    synsets = loadmat(folder / "meta_det.mat", squeeze_me=True)["synsets"][:200]
    assert [int(synset[0]) for synset in synsets] == list(range(1, 201))
    label_of = {str(synset[1]): label for label, synset in enumerate(synsets)}
    names = (folder / "val2.txt").read_text().split()[::2]
    labels, boxes, images = [], [], []
    for image, name in enumerate(names):
        for label, box in objects_of(folder / "annotations_val2.tar.xz", name):
            labels.append(label_of[label])
            boxes.append(box)
            images.append(image)
    none = np.zeros(len(labels), dtype=bool)
    dataset = group_by_image(
        [ImageRecord(number, f"{name}.JPEG", 0, 0) for number, name in enumerate(names, start=1)],
        [str(synset[2]) for synset in synsets],
        range(1, 201),
        Truths(
            np.array(boxes, dtype=np.float64),
            np.array(labels),
            np.zeros(len(labels)),
            none,
            none,
            layout="inclusive0",
        ),
        np.array(images),
    )
    with gzip.open(folder / "demo.val2.pred.det.txt.gz") as file:
        columns = np.loadtxt(file)
    table = DetectionTable(
        columns[:, 0].astype(np.int32) - 1,
        columns[:, 1].astype(np.int32) - 1,
        columns[:, 3:],
        columns[:, 2],
        "inclusive0",
    )
    expected = json.loads((folder / "expected.json").read_text())
    return dataset, table, expected


_ANNOTATIONS: dict[Path, dict[str, ET.Element]] = {}


def objects_of(archive: Path, name: str) -> list[tuple[str, list[float]]]:
    if archive not in _ANNOTATIONS:
        with tarfile.open(archive) as tar:
            _ANNOTATIONS[archive] = {
                Path(member.name).stem: ET.parse(content).getroot()
                for member in tar
                if (content := tar.extractfile(member)) is not None
            }
    result = []
    for item in _ANNOTATIONS[archive][name].iter("object"):
        sides = [item.findtext(f"bndbox/{side}") for side in ("xmin", "ymin", "xmax", "ymax")]
        result.append((str(item.findtext("name")), [float(side or "nan") for side in sides]))
    return result


def test_val2_objects(val2: tuple[Dataset, DetectionTable, dict[str, Any]]) -> None:
    from scipy.io import loadmat

    dataset, _, expected = val2
    cache = loadmat(published("ilsvrc_det_val2_xml") / "val2_ground_truth_cache.mat")

    def whole(name: str) -> np.ndarray:
        cells = cache[name][0]
        return np.concatenate([cell.reshape(-1, cell.shape[-1]) for cell in cells if cell.size], 1)

    truths = dataset.all_truths
    assert len(dataset) == expected["images"] and len(truths) == expected["objects"]
    np.testing.assert_array_equal(truths.labels + 1, whole("gt_obj_labels")[0])
    np.testing.assert_array_equal(truths.boxes, whole("gt_obj_bboxes").T)
    np.testing.assert_array_equal(ilsvrc.object_thresholds(dataset), whole("gt_obj_thr")[0])
    sizes = [cell.size for cell in cache["gt_obj_labels"][0]]
    np.testing.assert_array_equal(np.diff(dataset.starts), sizes)


@pytest.mark.parametrize("way", [True, False])
def test_val2_figures(val2: tuple[Dataset, DetectionTable, dict[str, Any]], way: bool) -> None:
    dataset, table, expected = val2
    matches = ilsvrc.match(table, dataset)
    averages = ilsvrc.average_precisions(matches, table, dataset, official=way)
    figures = expected["official_code_octave"]
    assert averages.tolist() == figures["per_class_AP"]
    mean, median = ilsvrc.mean_and_median(averages, dataset, official=way)
    # as Octave prints it; expected.json holds NumPy's mean of the same 200, which ends in 54
    assert mean == 0.60168348064137556
    assert mean == pytest.approx(figures["mAP"], abs=1e-12)
    assert median == figures["median_AP"]
    empty = sum(x2 + 1 <= x1 or y2 + 1 <= y1 for x1, y1, x2, y2 in table.boxes.tolist())
    message = (f"detections without width or height, which match nothing: {empty}",)
    assert ilsvrc.quirks(matches, table, dataset, official=way) == message
