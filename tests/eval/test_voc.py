"""The VOC protocol against tables worked by hand and published answers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval import EvaluationError, evaluate
from eval.protocols import voc
from tests.eval.cases import dataset_of, found, published, truth

# Two cats and a difficult one on image 1, a cat and a dog on image 2, no bird that counts.
TRUTHS = [
    truth(1, 1, (0, 0, 10, 10)),
    truth(1, 1, (100, 100, 110, 110)),
    truth(1, 1, (200, 200, 210, 210), difficult=1),
    truth(2, 1, (0, 0, 10, 10)),
    truth(2, 2, (50, 50, 60, 60)),
    truth(2, 3, (70, 70, 80, 80), ignore=1),
]
# Cats by score: .9 true, .8 difficult (passed over), .7 second on the same cat: false,
# .6 IoU exactly .5: true, .5 beside everything: false. Third cat is missed: recall 2/3.
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
    # recall 0, .1, .2, .3 see precision 1; .4, .5, .6 see 2/3; .7 to 1 nothing
    eleven = evaluate(DETECTIONS, dataset, "voc2007")
    assert eleven.per_class["cat"] == pytest.approx((4 + 3 * 2 / 3) / 11, abs=1e-12)
    lines = [" ".join(line.split()) for line in report.table().splitlines()]
    assert "mAP 0.2778" in lines and "bird -" in lines and "cat 0.5556" in lines


def test_only_the_largest_overlap_counts_even_when_it_is_taken(tmp_path: Path) -> None:
    # Both detections overlap the first object most; VOC does not hand the second to the other.
    truths = [truth(1, 1, (0, 0, 10, 10)), truth(1, 1, (0, 4, 10, 14))]
    dataset = dataset_of(tmp_path, truths, images=1, names=["cat"])
    rows = [found(1, 1, (0, 0, 10, 10), 0.9), found(1, 1, (0, 1, 10, 11), 0.8)]
    assert evaluate(rows, dataset).per_class["cat"] == pytest.approx(0.5)


def test_equal_overlaps_take_the_first_and_equal_scores_keep_their_order(tmp_path: Path) -> None:
    truths = [truth(1, 1, (0, 0, 10, 10), difficult=1), truth(1, 1, (0, 0, 10, 10))]
    dataset = dataset_of(tmp_path, truths, images=1, names=["cat"])
    assert evaluate([found(1, 1, (0, 0, 10, 10), 0.9)], dataset).map == 0
    dataset = dataset_of(tmp_path, [truths[1]], images=1, names=["cat"])
    wrong, right = found(1, 1, (50, 50, 60, 60), 0.5), found(1, 1, (0, 0, 10, 10), 0.5)
    assert evaluate([right, wrong], dataset).map == 1
    assert evaluate([wrong, right], dataset).map == 0.5


def test_plus_one_is_the_inclusive_pixel_convention() -> None:
    one, other = np.array([[0.0, 0, 9, 9]]), np.array([[0.0, 0, 9, 4]])
    assert voc.overlaps(one, other, plus_one=1)[0, 0] == 50 / 100
    assert voc.overlaps(one, other, plus_one=0)[0, 0] == 36 / 81
    # the same boxes made continuous overlap as the inclusive ones do
    widened = np.array([0, 0, 1, 1])
    assert voc.overlaps(one + widened, other + widened, plus_one=0)[0, 0] == 50 / 100
    assert voc.overlaps(one, one + 9, plus_one=1)[0, 0] == 1 / 199
    assert voc.overlaps(one, np.array([[5.0, 5, 5, 5]]), plus_one=0)[0, 0] == 0


def test_published_curve() -> None:
    precision = np.array([0.8, 0.76, 0.9, 0.65, 0.7, 0.5, 0.55, 0])
    recall = np.array([0.3, 0.3, 0.4, 0.4, 0.45, 0.45, 0.5, 0.5])
    assert voc.area_average_precision(precision, recall) == pytest.approx(0.4225, abs=1e-12)
    assert voc.eleven_point_average_precision(precision, recall) == pytest.approx(
        (5 * 0.9 + 0.55) / 11, abs=1e-12
    )
    nothing = np.array([])
    assert voc.area_average_precision(nothing, nothing) == 0
    assert voc.eleven_point_average_precision(nothing, nothing) == 0
    passed_over = np.array([np.nan, 1.0])
    assert voc.area_average_precision(passed_over, np.array([0, 1.0])) == 1
    assert voc.eleven_point_average_precision(passed_over, np.array([0, 1.0])) == 1


def slow_average_precision(
    rows: list[tuple[int, float, int]], truths: list[tuple[int, int]]
) -> float:
    """VOCevaldet.m word by word for unit boxes at (place, image): overlap is 1 or 0."""
    used: set[int] = set()
    hits = []
    for image, _, place in sorted(rows, key=lambda row: -row[1]):
        match = next((i for i, t in enumerate(truths) if t == (image, place)), None)
        hits.append(match is not None and match not in used)
        used.add(-1 if match is None else match)
    total, best = 0.0, 0.0
    for rank in range(len(hits), 0, -1):
        best = max(best, sum(hits[:rank]) / rank)
        total += best * hits[rank - 1] / len(truths)
    return total


@given(
    st.lists(st.tuples(st.integers(1, 3), st.sampled_from([0.1, 0.5, 0.7]), st.integers(0, 3))),
    st.lists(st.tuples(st.integers(1, 3), st.integers(0, 3)), min_size=1, unique=True),
)
@settings(max_examples=150, deadline=None)
def test_against_the_protocol_word_by_word(
    rows: list[tuple[int, float, int]], truths: list[tuple[int, int]]
) -> None:
    def boxes(places: list[int]) -> np.ndarray:
        starts = np.array(places, dtype=np.float64).reshape(-1, 1) * 20
        return np.hstack([starts, starts, starts + 10, starts + 10])

    curve = voc.class_curve(
        voc.ImageBoxes(
            boxes([row[2] for row in rows]),
            np.array([row[0] for row in rows], dtype=np.int64),
            np.array([row[1] for row in rows], dtype=np.float64),
        ),
        voc.ImageBoxes(
            boxes([place for _, place in truths]),
            np.array([image for image, _ in truths]),
            np.zeros(len(truths), dtype=bool),
        ),
    )
    result = voc.area_average_precision(curve.precision, curve.recall)
    assert result == pytest.approx(slow_average_precision(rows, truths), abs=1e-12)


def test_tensorflow_pascal_case(tmp_path: Path) -> None:
    folder = published("tf_od_pascal_small")
    data = json.loads((folder / "data.json").read_text())
    expected = json.loads((folder / "expected.json").read_text())
    images = {name: i for i, name in enumerate(("img1", "img2", "img3"), start=1)}

    def rows(table: str) -> list[dict[str, object]]:
        result = []
        for name, objects in data[table].items():
            for item in objects:
                y1, x1, y2, x2 = item["box"]
                extra = {key: item[key] for key in ("score", "difficult") if key in item}
                result.append(truth(images[name], item["cls"], (x1, y1, x2, y2), **extra))
        return result

    dataset = dataset_of(tmp_path, rows("ground_truth"), 3, list(data["classes"].values()))
    report = evaluate(rows("detections"), dataset)
    assert report.per_class == pytest.approx(expected["AP"], abs=1e-12)
    assert report.map == pytest.approx(expected["mAP"], abs=1e-12)


def read_lines(folder: Path) -> list[tuple[int, list[str]]]:
    files = sorted(folder.glob("*.txt"))
    return [(i, line.split()) for i, f in enumerate(files) for line in f.read_text().splitlines()]


def table(rows: list[tuple[int, list[str]]], first: int) -> tuple[np.ndarray, np.ndarray]:
    """Four numbers of each line from column `first`, and each line's image."""
    numbers = np.array([[float(v) for v in words[first : first + 4]] for _, words in rows])
    return numbers, np.array([image for image, _ in rows])


def test_padilla_case() -> None:
    folder = published("padilla_voc_case1")
    expected = json.loads((folder / "expected.json").read_text())
    truth_rows, found_rows = read_lines(folder / "gts"), read_lines(folder / "dets")
    truth_boxes, truth_images = table(truth_rows, 1)
    found_boxes, found_images = table(found_rows, 2)
    for boxes in (truth_boxes, found_boxes):
        boxes[:, 2:] += boxes[:, :2]
    scores = np.array([float(words[1]) for _, words in found_rows])
    for iou in ("0.1", "0.3", "0.5", "0.75"):
        curve = voc.class_curve(
            voc.ImageBoxes(found_boxes, found_images, scores),
            voc.ImageBoxes(truth_boxes, truth_images, np.zeros(len(truth_boxes), dtype=bool)),
            iou_threshold=float(iou),
            plus_one=1,
        )
        area = voc.area_average_precision(curve.precision, curve.recall)
        eleven = voc.eleven_point_average_precision(curve.precision, curve.recall)
        assert area == pytest.approx(expected["area"][iou], abs=1e-9)
        assert eleven == pytest.approx(expected["eleven_point"][iou], abs=1e-9)
        if iou == "0.3":
            shown = expected["at_iou_0_3"]
            assert [f"{p:.2f}" for p in curve.precision] == shown["precision_2dec"]
            assert [f"{r:.2f}" for r in curve.recall] == shown["recall_2dec"]


def test_cartucho_case() -> None:
    folder = published("cartucho_sample")
    expected = json.loads((folder / "expected.json").read_text())
    truth_rows = read_lines(folder / "ground-truth")
    names = sorted({words[0] for _, words in truth_rows})
    found_rows = [row for row in read_lines(folder / "detection-results") if row[1][0] in names]
    labels = [np.array([names.index(w[0]) for _, w in rows]) for rows in (found_rows, truth_rows)]
    scores = np.array([float(words[1]) for _, words in found_rows])
    difficult = np.array([words[-1] == "difficult" for _, words in truth_rows])
    result = voc.average_precisions(
        voc.ImageBoxes(*table(found_rows, 2), scores),
        labels[0],
        voc.ImageBoxes(*table(truth_rows, 1), difficult),
        labels[1],
        len(names),
        plus_one=1,
    )
    assert dict(zip(names, result, strict=True)) == pytest.approx(
        expected["per_class_AP_full"], abs=1e-12
    )
    assert np.nanmean(result) == pytest.approx(expected["mAP_full"], abs=1e-12)


def test_unknown_protocol(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, TRUTHS, images=2, names=NAMES)
    with pytest.raises(EvaluationError, match="'voc2012' is not known; choose from 'voc'"):
        evaluate([], dataset, "voc2012")
