"""The page and its files state the thresholds and limits in force, and have figures named so."""

from __future__ import annotations

import csv
import html
import json
import re
from pathlib import Path

import pytest

from eval import Options, evaluate
from eval.report import write_report
from tests.eval.cases import Box, dataset_of, found, truth

A: Box = (0, 0, 100, 100)


def page_of(folder: Path, protocol: str, **options: object) -> str:
    """The text of the page on one cat, found with an IoU of 0.35, and one dog that is missed."""
    truths = [truth(1, 1, A), truth(2, 2, A)]
    dataset = dataset_of(folder, truths, 2, ["cat", "dog"])
    rows = [found(1, 1, (0, 0, 100, 35), 0.9)]
    report = evaluate(rows, dataset, protocol, options=Options(**options))  # type: ignore[arg-type]
    assert report.detections is not None
    page = write_report(folder / "page", report, report.detections, dataset)
    return html.unescape(re.sub(r"<[^>]*>", "", page.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("protocol", "sentence"),
    [
        ("voc", "an IoU of at least 0.3, and"),
        ("voc2007", "an IoU of at least 0.3, and"),
        # A square of s pixels has the threshold (s / (s + 10))^2, which is 0.3 at 12.1.
        ("ilsvrc", "an IoU of at least 0.3, or less for objects under 13 pixels"),
        ("coco", "A detection is true from an IoU of 0.3 on; AP is the mean over the 2 classes."),
    ],
)
def test_one_iou(protocol: str, sentence: str, tmp_path: Path) -> None:
    text = page_of(tmp_path, protocol, iou_thresholds=0.3)
    assert sentence in text and "0.50, 0.55" not in text
    assert "at IoU 0.3. The mean of the classes" in text
    assert "an IoU of at least 0.3" in text  # of the counts at the top


def test_coco_s_own_rules(tmp_path: Path) -> None:
    text = page_of(tmp_path, "coco")
    assert "true from an IoU of 0.50, 0.55, ..., 0.95 on" in text
    assert "these ten thresholds and the 2 classes" in text
    assert "keeps its 100 detections" in text
    (cat, dog) = csv.DictReader((tmp_path / "page/classes.csv").open())
    assert {"ap", "ap50", "ap75", "ar100"} <= cat.keys() and dog["ar100"] == "0.0"


def test_other_thresholds_and_limits(tmp_path: Path) -> None:
    text = page_of(tmp_path, "coco", iou_thresholds=(0.3, 0.6), max_detections=(1, 1000))
    assert "an IoU of 0.3, 0.6 on; AP is the mean over these thresholds and the 2 classes" in text
    assert "keeps its 1,000 detections" in text
    content = json.loads((tmp_path / "page/report.json").read_text())["report"]
    expected = {"AP": 0.5, "AP30": 1.0, "AP60": 0.0, "AR1000": 0.5}
    assert content["class_stats"]["cat"] == pytest.approx(expected)
    assert content["title"].startswith("COCO boxes: mean over IoU 0.3 and 0.6; at most 1,000")
    (cat, _) = csv.DictReader((tmp_path / "page/classes.csv").open())
    assert [float(cat[name]) for name in ("ap30", "ap60", "ar1000")] == pytest.approx([1, 0, 0.5])


def test_all_classes_as_one(tmp_path: Path) -> None:
    text = page_of(tmp_path, "voc", class_agnostic=True)
    assert "all classes as one" in text and "any class" in text
    assert "its mean over all classes, which are taken as one" in text
