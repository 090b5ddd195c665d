"""The report: the content of the page, its independence of other files, and unusual input."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from eval import Dataset, EvaluationError, evaluate
from eval.reading import read_detections
from eval.report import write_report
from tests.eval.report.made_reports import DAY, Made, Page, draw_noise, made, worse


def page_of(folder: Path) -> Page:
    return Page((folder / "index.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made(tmp_path_factory.mktemp("made"), ["cat", "dog", "bird", "boat"])


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, run: Made) -> Path:
    """A report of two runs with images and traces, which has every section."""
    folder = tmp_path_factory.mktemp("written")
    report, table, dataset = run
    photographs = folder / "photographs"
    photographs.mkdir()
    for image in dataset.images:
        draw_noise(photographs / image.file_name, (image.width, image.height))
    write_report(
        folder / "report",
        *run,
        images=photographs,
        traces=write_traces(folder / "objects.jsonl", dataset),
        other=worse(report, table, dataset),
        title="Four classes",
        command="detect evaluate --report <folder>",
        date=DAY,
    )
    return folder / "report"


def write_traces(path: Path, dataset: Dataset) -> Path:
    lines = []
    for index, image in enumerate(dataset.images):
        values = np.linspace(0, 1, len(dataset.truths(index))).tolist()
        fields = ("proposal_iou", "region_iou", "class_score", "near_score")
        lines.append(json.dumps({"image_id": image.id, **dict.fromkeys(fields, values)}))
    path.write_text("\n".join(lines) + "\n")
    return path


def test_page_has_every_section_and_is_well_formed(written: Path) -> None:
    page = page_of(written)
    assert page.faults == []
    assert page.headings()[0] == 1 and page.headings().count(1) == 1
    steps = zip(page.headings(), page.headings()[1:], strict=False)
    assert all(after <= before + 1 for before, after in steps)
    assert len(page.ids()) == len(set(page.ids()))
    links = [str(attributes["href"]) for tag, attributes in page.tags if tag == "a"]
    anchors = [link for link in links if not link.startswith("#picture-")]
    assert anchors == [
        *("#losses", "#classes", "#curves", "#sizes", "#confusion", "#scores"),
        *("#pictures", "#comparison", "#methods"),
    ]
    assert len(links) > len(anchors)
    assert {link[1:] for link in links} <= set(page.ids())
    for text in ("Four classes", "1 March 2026", "detect evaluate --report <folder>"):
        assert text in page.text
    assert "had a proposal" in page.text and "this run" not in page.text


def test_lost_objects_lead_to_their_pictures(written: Path) -> None:
    titles = [str(a["title"]) for tag, a in page_of(written).tags if tag == "a" and "title" in a]
    lost = [int(title.split()[0]) for title in titles if " lost: " in title]
    facts = json.loads((written / "report.json").read_bytes())
    reasons = facts["explanation"]["misses"]["counts"]
    assert sorted(lost) == sorted(n for name, n in reasons.items() if n and name != "unknown")
    assert len(lost) >= 2


def test_page_needs_nothing_but_itself(written: Path) -> None:
    page = page_of(written)
    pictures = 0
    for tag, attributes in page.tags:
        for name in ("src", "href", "srcset", "poster", "data", "action"):
            address = attributes.get(name)
            if address is not None:
                pictures += address.startswith("data:image/jpeg;base64,")
                assert address.startswith(("#", "data:")), (tag, name, address[:80])
    assert pictures == 12
    text = (written / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"url\(|@import|https?://|fetch\(|XMLHttpRequest", text)
    assert len(text) < 1_700_000


def test_pictures_and_plots_have_words(written: Path) -> None:
    page = page_of(written)
    drawings = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(drawings) > 5
    assert all(a.get("role") == "img" and a.get("aria-label") for a in drawings)
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) == 12 and all("found object" in str(a["alt"]) for a in pictures)
    heads = [attributes for tag, attributes in page.tags if tag == "th"]
    sorted_by = [attributes["aria-sort"] for attributes in heads if "aria-sort" in attributes]
    assert sorted_by == ["descending"]


def test_figures_are_those_of_the_evaluation(written: Path, run: Made) -> None:
    report, table, dataset = run
    facts = json.loads((written / "report.json").read_bytes())
    assert facts["report"]["map"] == report.map
    assert facts["report"]["per_class"] == report.per_class
    assert facts["detections"]["count"] == len(table)
    assert facts["ground_truth"]["images"] == len(dataset)
    assert facts["date"] == "2026-03-01"
    with open(written / "classes.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["class"]: float(row["ap"]) for row in rows} == report.per_class
    objects = dict.fromkeys(dataset.class_names, 0)
    for label in dataset.all_truths.labels.tolist():
        objects[dataset.class_names[label]] += 1
    assert {row["class"]: int(row["objects"]) for row in rows} == objects
    page = page_of(written).text
    assert f"{report.map:.3f} mAP" in page
    assert all(f"{value:.3f}" in page for value in report.per_class.values())


def test_second_run_is_compared_with_the_first(written: Path, run: Made) -> None:
    report, table, dataset = run
    other, _ = worse(report, table, dataset)
    difference = json.loads((written / "report.json").read_bytes())["comparison"]
    assert difference["mean"]["value"] == pytest.approx(report.map - other.map, abs=1e-9)
    text = page_of(written).text
    assert f"detections is better than fewer by {report.map - other.map:.3f} ±" in text


def test_runs_of_two_protocols_are_refused(tmp_path: Path, run: Made) -> None:
    report, table, dataset = run
    other = (evaluate(table, dataset, "coco"), table)
    with pytest.raises(EvaluationError, match=r"'voc' and 'coco'.*the same protocol"):
        write_report(tmp_path, report, table, dataset, other=other)
    assert list(tmp_path.iterdir()) == []


def test_same_input_same_bytes(tmp_path: Path, run: Made) -> None:
    for name in ("a", "b"):
        write_report(tmp_path / name, *run, date=DAY)
    write_report(tmp_path / "c", *run, date=DAY, seed=1)
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == ["classes.csv", "index.html", "report.json"]
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    seeds = [(tmp_path / name / "report.json").read_bytes() for name in "ac"]
    assert seeds[0] != seeds[1]


@pytest.mark.parametrize("protocol", ["voc2007", "coco", "ilsvrc"])
def test_every_protocol(tmp_path: Path, run: Made, protocol: str) -> None:
    report = evaluate(run[1], run[2], protocol)
    page = Page(write_report(tmp_path, report, *run[1:], date=DAY).read_text(encoding="utf-8"))
    assert page.faults == [] and f"{report.map:.3f}" in page.text
    assert all(name in page.text for name in report.stats)
    # The interval is that of the figure, so it contains the figure.
    low, high = map(float, re.findall(r"95 % interval ([\d.]+)–([\d.]+)", page.text)[0])
    assert low <= report.map <= high


@pytest.mark.parametrize("protocol", ["voc", "coco"])
def test_no_detections(tmp_path: Path, run: Made, protocol: str) -> None:
    dataset = run[2]
    report = evaluate([], dataset, protocol)
    table = read_detections([], dataset)
    folder = tmp_path / "photographs"
    other = (evaluate(run[1], dataset, protocol), run[1])
    path = write_report(tmp_path, report, table, dataset, images=folder, other=other, date=DAY)
    page = Page(path.read_text(encoding="utf-8"))
    assert page.faults == [] and page.text.count("0.0") > 4
    assert "scores" not in page.ids() and "pictures" not in page.ids()
    assert json.loads((tmp_path / "report.json").read_bytes())["report"]["map"] == 0


def test_photographs_that_are_not_there_or_broken(tmp_path: Path, run: Made) -> None:
    (tmp_path / "1.jpg").write_bytes(b"not a photograph")
    path = write_report(tmp_path / "report", *run, images=tmp_path, date=DAY)
    assert "no image could be read" in Page(path.read_text()).text
    draw_noise(tmp_path / "2.jpg", (1000, 1000))
    path = write_report(tmp_path / "report", *run, images=tmp_path, date=DAY)
    assert path.read_text().count("data:image/jpeg") == 1


def test_folder_that_cannot_be_made(tmp_path: Path, run: Made) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EvaluationError, match=r"cannot be written .*choose another folder"):
        write_report(tmp_path / "file", *run)
