"""The reasons of missed objects, each one at least once, and the faults of trace files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from eval.datasets import Dataset
from eval.errors import EvaluationError
from eval.matching import Matches
from eval.protocols import voc
from eval.reading import read_detections
from eval.why import ObjectTraces, explain_misses, read_traces
from eval.why.misses import REASONS
from eval.why.traces import FIELDS
from tests.eval.cases import dataset_of, found, truth

NAN = float("nan")
TRUTHS = [truth(1, 1, (100 * k, 0, 100 * k + 10 + k, 10)) for k in range(8)] + [
    truth(2, 2, (0, 0, 10, 10), difficult=1),
    truth(3, 2, (0, 0, 50, 50)),
    truth(3, 2, (90, 0, 120, 30)),
]
# proposal_iou, region_iou, class_score, near_score of each object
TRACES = [
    (0.9, 0.9, 0.9, 0.9),  # found just at the threshold
    (0.4, 0.9, 0.9, 0.9),  # no proposal
    (0.5, 0.4, 0.9, 0.9),  # not classified
    (0.5, 0.5, 0.0, 0.4),  # misclassified
    (0.5, 0.5, 0.4, 0.5),  # mislocalised
    (0.5, 0.5, 0.5, 0.5),  # suppressed
    (NAN, NAN, 0.1, 0.2),  # misclassified, though no IoU is known
    (0.9, 0.9, 0.9, 0.9),  # found below the threshold only: suppressed
    (0.0, 0.0, 0.0, 0.0),  # does not count
    (0.9, NAN, NAN, 0.7),  # unknown
    (0.9, 0.9, 0.1, NAN),  # unknown
]


def case(tmp_path: Path) -> tuple[Dataset, ObjectTraces]:
    dataset = dataset_of(tmp_path, TRUTHS, images=3, names=["cat", "dog"])
    return dataset, ObjectTraces(*np.array(TRACES).T)


def test_every_reason(tmp_path: Path) -> None:
    dataset, traces = case(tmp_path)
    rows = [found(1, 1, (0, 0, 10, 10), 0.5), found(1, 1, (700, 0, 717, 10), 0.3)]
    table = read_detections(rows, dataset)
    matches = voc.match(table, dataset)
    result = explain_misses(traces, matches, table, dataset, 0.5)
    names = [REASONS[reason] if reason >= 0 else "" for reason in result.reasons]
    assert names == [
        *("", "no proposal", "not classified", "misclassified", "mislocalised", "suppressed"),
        *("misclassified", "suppressed", "", "unknown", "unknown"),
    ]
    assert (result.objects, result.found) == (10, 1)
    assert list(result.counts.values()) == [1, 1, 2, 1, 2, 2]
    assert result.class_counts.tolist() == [[1, 1, 2, 1, 2, 0], [0, 0, 0, 0, 0, 2]]
    assert result.class_objects.tolist() == [8, 2]
    # The larger of the two comes first.
    assert result.largest["misclassified"].tolist() == [6, 3]
    one = explain_misses(traces, matches, table, dataset, 0.5, most=1)
    assert one.largest["suppressed"].tolist() == [7]
    plain = json.loads(json.dumps(result.to_dict()))
    assert plain["largest"]["unknown"] == [9, 10] and "reasons" not in plain


def test_default_threshold_and_nothing_found(tmp_path: Path) -> None:
    dataset, traces = case(tmp_path)
    table = read_detections([found(1, 1, (0, 0, 10, 10), 0.9)], dataset)
    assert explain_misses(traces, voc.match(table, dataset), table, dataset).threshold == 0.9
    nothing = read_detections([], dataset)
    result = explain_misses(traces, voc.match(nothing, dataset), nothing, dataset)
    assert result.found == 0 and result.counts["suppressed"] == 0
    assert sum(result.counts.values()) == 10


def lines_of(**changed: object) -> list[str]:
    first = {field: [0.5] * 8 for field in ("proposal_iou", "region_iou", "class_score")}
    line = {"image_id": 1, **first, "near_score": [*[0.25] * 7, None], **changed}
    return [json.dumps({key: value for key, value in line.items() if value != "gone"})]


def test_traces_are_read_by_image(tmp_path: Path) -> None:
    dataset, _ = case(tmp_path)
    third = {field: [1, 0] for field in FIELDS}
    path = tmp_path / "objects.jsonl"
    path.write_text("\n".join([json.dumps({"image_id": 3, **third}), *lines_of()]) + "\n")
    traces = read_traces(path, dataset)
    np.testing.assert_array_equal(traces.proposal_iou, [*[0.5] * 8, NAN, 1, 0])
    np.testing.assert_array_equal(traces.near_score, [*[0.25] * 7, NAN, NAN, 1, 0])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([lines_of()[0][:-5]], "line 1: not JSON, or cut short"),
        (["7"], "line 1: no 'image_id'"),
        (lines_of(image_id="gone"), "line 1: no 'image_id'"),
        (lines_of(image_id=9), "line 1: image_id 9 is not in truth.json"),
        (lines_of(image_id="1"), "line 1: image_id '1' is not in truth.json"),
        (lines_of() * 2, "line 2: image_id 1 is already on line 1"),
        (lines_of(region_iou="gone"), "line 1: 'region_iou' has None; expected 8 numbers"),
        (lines_of(class_score=[1, 2]), "line 1: 'class_score' has 2 values; expected 8 numbers"),
        (lines_of(near_score=["a"] * 8), "line 1: 'near_score'"),
        (lines_of(near_score=[True] * 8), "line 1: 'near_score'"),
    ],
)
def test_faults_of_a_trace_file(tmp_path: Path, lines: list[str], message: str) -> None:
    dataset, _ = case(tmp_path)
    path = tmp_path / "objects.jsonl"
    path.write_text("\n".join(lines))
    with pytest.raises(EvaluationError) as caught:
        read_traces(path, dataset)
    assert message in str(caught.value) and str(caught.value).startswith("objects.jsonl: ")
    assert "\n" not in str(caught.value)


def test_missing_trace_file(tmp_path: Path) -> None:
    dataset, _ = case(tmp_path)
    with pytest.raises(EvaluationError, match="cannot be read"):
        read_traces(tmp_path / "none.jsonl", dataset)


def test_matches_are_those_given(tmp_path: Path) -> None:
    dataset, traces = case(tmp_path)
    table = read_detections([found(2, 1, (900, 0, 910, 10), 0.9)], dataset)
    taken = Matches("voc", 0.5, np.array([1], np.int8), np.array([1], np.int32), np.arange(11) < 2)
    result = explain_misses(traces, taken, table, dataset, 0.5)
    assert (result.objects, result.found, result.counts["suppressed"]) == (2, 1, 1)
