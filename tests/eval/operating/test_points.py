"""Counts and figures at a score, and the score with the best F1."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval import EvaluationError, Options, Report, evaluate
from eval.operating.points import AtScores
from tests.eval.cases import Box, arrays_of, dataset_of, found, problems, truth
from tests.eval.official import Found, Given

A: Box = (0, 0, 100, 100)
B: Box = (200, 0, 300, 100)
AWAY: Box = (500, 500, 600, 600)


def known_report(folder: Path, protocol: str = "voc", **options: object) -> Report:
    """Cats: two objects, true 0.9, false 0.8, true 0.4. Dogs: one object, false 0.7. No bird."""
    truths = [truth(1, 1, A), truth(1, 1, B), truth(2, 2, A)]
    rows = [
        found(1, 1, A, 0.9), found(2, 1, A, 0.8), found(1, 1, B, 0.4), found(2, 2, AWAY, 0.7),
    ]  # fmt: skip
    dataset = dataset_of(folder, truths, 2, ["cat", "dog", "bird"])
    return evaluate(rows, dataset, protocol, options=Options(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize("protocol", ["voc", "voc2007", "coco", "ilsvrc"])
def test_counts_by_hand(protocol: str, tmp_path: Path) -> None:
    report = known_report(tmp_path, protocol)
    at = report.at(0.5)
    counts = {name: tuple(one) for name, one in at.classes.items()}
    assert counts == {"cat": (1, 1, 1), "dog": (0, 1, 1), "bird": (0, 0, 0)}
    assert tuple(at.overall) == (1, 2, 2)
    cat, dog, bird = at.classes.values()
    assert (cat.precision, cat.recall, cat.f1) == (0.5, 0.5, 0.5)
    assert (dog.precision, dog.recall, dog.f1) == (0, 0, 0)
    assert all(math.isnan(value) for value in (bird.precision, bird.recall, bird.f1))
    assert at.overall.precision == at.overall.recall == at.overall.f1 == pytest.approx(1 / 3)
    assert tuple(report.at().overall) == (2, 2, 1)
    assert tuple(report.at(0.9).overall) == (1, 0, 2)  # the score itself is kept
    assert (
        at.table()
        == """\
Scores from 0.5 on, IoU 0.5
class        precision  recall      F1      TP      FP      FN
cat              0.500   0.500   0.500       1       1       1
dog              0.000   0.000   0.000       0       1       1
bird                 –       –       –       0       0       0
all classes      0.333   0.333   0.333       1       2       2"""
    )


def test_each_class_has_a_score_of_its_own(tmp_path: Path) -> None:
    report = known_report(tmp_path)
    at = report.at(0.5, {"cat": 0.3})
    assert tuple(at.classes["cat"]) == (2, 1, 0) and tuple(at.classes["dog"]) == (0, 1, 1)
    assert "\ncat             0.3      0.667   1.000   0.800       2       1       0" in at.table()
    assert tuple(report.at(by_class={"cat": 0.85}).classes["dog"]) == (0, 1, 1)
    with pytest.raises(EvaluationError, match="threshold of 'Cat': no such class; there are cat"):
        report.at(0.5, {"Cat": 0.3})


def test_the_iou_of_the_protocol_counts(tmp_path: Path) -> None:
    truths, rows = [truth(1, 1, A)], [found(1, 1, (0, 0, 100, 60), 0.9)]
    dataset = dataset_of(tmp_path, truths, 1, ["cat"])
    for iou, true in ((0.5, 1), (0.75, 0)):
        for protocol in ("voc", "coco"):
            report = evaluate(rows, dataset, protocol, options=Options(iou_thresholds=iou))
            at = report.at(0)
            assert at.overall.true == true and at.iou_threshold == iou


def test_best_thresholds_by_hand(tmp_path: Path) -> None:
    # Cats: F1 2/3 at 0.9, 1/2 at 0.8 and 4/5 at 0.4, below which there is no score.
    chosen = known_report(tmp_path).best_thresholds()
    assert 0.39 < chosen["cat"] < 0.4
    assert 0 < chosen["dog"] < 0.7 and math.isnan(chosen["bird"])
    truths = [truth(1, 1, A)]
    rows = [found(1, 1, A, 0.8123456), found(1, 1, AWAY, 0.6)]
    report = evaluate(rows, dataset_of(tmp_path, truths, 1, ["cat"]))
    assert report.best_thresholds() == {"cat": 0.7}  # between the scores, with few digits


@settings(deadline=None, max_examples=200)
@given(problems(), st.sampled_from(["voc", "ilsvrc"]))
def test_no_threshold_has_a_better_f1(problem: tuple[list[Found], list[Given]], name: str) -> None:
    detections, objects = problem
    detections = [one for one in detections if math.isfinite(one.score)]
    table, dataset = arrays_of(detections, objects, 3, ["a", "b", "c"])
    report = evaluate(table, dataset, name)
    chosen = report.best_thresholds()
    known = {name: value for name, value in chosen.items() if not math.isnan(value)}
    at = report.at(by_class=known)
    scores = sorted({one.score for one in detections})
    trials: list[AtScores] = [report.at(score) for score in scores]
    for name in dataset.class_names:
        figures = [one.classes[name].f1 for one in trials]
        if name in known:
            assert at.classes[name].f1 == max(f1 for f1 in figures if not math.isnan(f1))
        else:
            no_object = at.classes[name].true + at.classes[name].missed == 0
            assert (
                no_object
                or not np.isin(
                    table.labels[report.matches.evaluated],
                    dataset.class_names.index(name),  # type: ignore
                ).any()
            )


def test_a_report_without_detections_says_so() -> None:
    with pytest.raises(EvaluationError, match="take one that evaluate returned"):
        Report("voc", 0.5, {"mAP": 0.5}, {"cat": {"AP": 0.5}}, "VOC").at(0.5)
