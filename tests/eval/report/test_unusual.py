"""Reports on data with odd names, few objects or many classes."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from eval import evaluate
from eval.reading import read_detections
from eval.report import write_report
from tests.eval.cases import dataset_of, found, truth
from tests.eval.report.made_reports import DAY, Page, draw_noise, made, worse

HOSTILE = "<script>alert('x')</script> & \"co\""


def test_names_are_text(tmp_path: Path) -> None:
    names = [HOSTILE, "{{ 7 * 7 }}", "a" * 80, "猫 & <b>"]
    report, table, dataset = made(tmp_path / "made", names)
    report = replace(report, notes=(f"odd: {HOSTILE}",))
    path = write_report(tmp_path, report, table, dataset, title=HOSTILE, command=HOSTILE, date=DAY)
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert page.faults == []
    assert [tag for tag, _ in page.tags].count("script") == 3 and "<script>alert" not in text
    assert "b" not in {tag for tag, attributes in page.tags if attributes.get("onclick")}
    for name in names:
        assert " ".join(name.split()) in page.text
    assert "49" not in re.findall(r"title=\"(\d+)\"", text)
    with open(tmp_path / "classes.csv", newline="", encoding="utf-8") as file:
        assert [row["class"] for row in csv.DictReader(file)] == names


def test_class_without_objects_has_a_dash(tmp_path: Path) -> None:
    rows = [truth(1, 1, (10, 10, 60, 60)), truth(2, 1, (0, 0, 200, 100))]
    dataset = dataset_of(tmp_path, rows, images=2, names=["cat", "unicorn"])
    table = read_detections(
        [found(1, 1, (10, 10, 60, 60), 0.9), found(1, 2, (5, 5, 50, 50), 0.8)], dataset
    )
    path = write_report(tmp_path, evaluate(table, dataset), table, dataset, date=DAY)
    text = path.read_text(encoding="utf-8")
    assert re.search(r"unicorn</button></th>\s*<td [^>]*data-value=\"\"[^>]*>.*?–", text)
    assert not re.search(r"\bnan\b|\bNone\b|\bundefined\b", Page(text).text)
    assert "the only class with objects" in text
    facts = json.loads((tmp_path / "report.json").read_bytes())
    assert facts["report"]["per_class"] == {"cat": 0.5, "unicorn": None}


def test_differences_of_tides_ap_are_explained(tmp_path: Path) -> None:
    """Of 101 detections on an image TIDE leaves out one; classes without objects do not count."""
    dataset = dataset_of(tmp_path, [truth(1, 1, (10, 10, 60, 60))], images=1, names=["cat", "emu"])
    rows = [found(1, 1, (10, 10, 60, 60), 0.9), found(1, 2, (500, 500, 600, 600), 0.8)]
    for more, message in (
        (0, "over all classes."),
        (99, "(1 detection left out)."),
    ):
        rows += [found(1, 2, (500, 500, 600, 600), 0.1)] * more
        table = read_detections(rows, dataset)
        path = write_report(tmp_path / "out", evaluate(table, dataset), table, dataset, date=DAY)
        text = Page(path.read_text(encoding="utf-8")).text
        assert "TIDE's own AP of 1.000" in text and message in text


@pytest.mark.parametrize("objects", [0, 1])
def test_one_image(tmp_path: Path, objects: int) -> None:
    rows = [truth(1, 1, (10, 10, 60, 60))][:objects]
    dataset = dataset_of(tmp_path, rows, images=1, names=["cat"])
    table = read_detections([found(1, 1, (10, 10, 60, 60), 0.9)], dataset)
    draw_noise(tmp_path / "1.jpg", (1000, 1000))
    report = evaluate(table, dataset)
    path = write_report(tmp_path, report, table, dataset, images=tmp_path, date=DAY)
    page = Page(path.read_text(encoding="utf-8"))
    assert page.faults == []
    assert ("1.000 mAP" if objects else "– mAP") in page.text
    assert ("losses" in page.ids()) == (objects == 1)
    assert not re.search(r"\bnan\b|\bNone\b", page.text)


def test_many_classes(tmp_path: Path) -> None:
    names = [f"class {number}" for number in range(200)]
    run = made(tmp_path / "made", names, images=150)
    path = write_report(tmp_path, *run, other=worse(*run), date=DAY)
    page = Page(path.read_text(encoding="utf-8"))
    assert page.faults == [] and path.stat().st_size < 1_000_000
    assert "Most frequent confusions" in page.text and "more classes" in page.text
    assert not any("heat" in (attributes.get("class") or "") for _, attributes in page.tags)
