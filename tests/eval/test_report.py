"""The report: what the page holds, what it does not fetch, and how it bears odd input."""

from __future__ import annotations

import csv
import datetime
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from eval import Dataset, EvaluationError, Report, evaluate
from eval.detections import DetectionTable, read_detections
from eval.report import charts, words, write_report
from eval.report.worst import one_for_each_image
from tests.eval.cases import dataset_of, found, truth

DAY = datetime.date(2026, 3, 1)
VOID = {"meta", "link", "img", "br", "hr", "input"}
HOSTILE = "<script>alert('x')</script> & \"co\""


class Page(HTMLParser):
    """Collects tags, texts and faults of nesting."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.faults: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        self.faults += [f"<{tag}> is never closed" for tag in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] not in ("style", "script"):
            self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())

    def headings(self) -> list[int]:
        return [int(tag[1]) for tag, _ in self.tags if re.fullmatch("h[1-6]", tag)]

    def ids(self) -> list[str]:
        return [attributes["id"] or "" for _, attributes in self.tags if "id" in attributes]


Made = tuple[Report, DetectionTable, Dataset]


def made(folder: Path, names: list[str], images: int = 12, seed: int = 0, off: float = 8) -> Made:
    """A run over made-up objects: true, shifted, misnamed and invented detections."""
    rng = np.random.default_rng(seed)
    truths, rows = [], []
    for image in range(1, images + 1):
        for _ in range(4):
            category = int(rng.integers(1, len(names) + 1))
            x, y = rng.uniform(0, 700, 2)
            box = (x, y, x + rng.uniform(20, 250), y + rng.uniform(20, 250))
            truths.append(truth(image, category, box))
            shifted = tuple(float(v) for v in np.array(box) + rng.normal(0, off, 4))
            if rng.random() < 0.8:
                rows.append(found(image, category, shifted, float(rng.uniform(0.3, 1))))
            other = int(rng.integers(1, len(names) + 1))
            rows.append(found(image, other, shifted, float(rng.uniform(0, 0.8))))
    folder.mkdir(exist_ok=True)
    dataset = dataset_of(folder, truths, images, names)
    rows = [row for row in rows if min(row["bbox"][2:]) > 0]
    table = read_detections(rows, dataset)
    return evaluate(table, dataset), table, dataset


def page_of(folder: Path) -> Page:
    return Page((folder / "index.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made(tmp_path_factory.mktemp("made"), ["cat", "dog", "bird", "boat"])


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory, run: Made) -> Path:
    """A report of two runs, with pictures and traces: every section."""
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


def draw_noise(path: Path, size: tuple[int, int]) -> None:
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 256, (size[1] // 10, size[0] // 10, 3), np.uint8)
    Image.fromarray(noise).resize(size).save(path, quality=90)


def write_traces(path: Path, dataset: Dataset) -> Path:
    lines = []
    for index, image in enumerate(dataset.images):
        values = np.linspace(0, 1, len(dataset.truths(index))).tolist()
        fields = ("proposal_iou", "region_iou", "class_score", "near_score")
        lines.append(json.dumps({"image_id": image.id, **dict.fromkeys(fields, values)}))
    path.write_text("\n".join(lines) + "\n")
    return path


def worse(report: Report, table: DetectionTable, dataset: Dataset) -> tuple[Report, DetectionTable]:
    """The same detections with every third left out."""
    kept = np.arange(len(table)) % 3 > 0
    columns = (table.images, table.labels, table.boxes, table.scores)
    fewer = DetectionTable(*(column[kept] for column in columns), source="fewer.json")
    return evaluate(fewer, dataset, report.protocol), fewer


def test_page_has_every_section_and_is_well_formed(written: Path) -> None:
    page = page_of(written)
    assert page.faults == []
    assert page.headings()[0] == 1 and page.headings().count(1) == 1
    steps = zip(page.headings(), page.headings()[1:], strict=False)
    assert all(after <= before + 1 for before, after in steps)
    assert len(page.ids()) == len(set(page.ids()))
    anchors = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert anchors == [
        *("#losses", "#classes", "#curves", "#sizes", "#confusion", "#scores"),
        *("#pictures", "#comparison", "#methods"),
    ]
    assert {str(anchor)[1:] for anchor in anchors} <= set(page.ids())
    for text in ("Four classes", "1 March 2026", "detect evaluate --report <folder>"):
        assert text in page.text
    assert "had a proposal" in page.text and "this run" not in page.text


def test_page_needs_nothing_but_itself(written: Path) -> None:
    page = page_of(written)
    pictures = 0
    for tag, attributes in page.tags:
        for name in ("src", "href", "srcset", "poster", "data", "action"):
            address = attributes.get(name)
            if address is not None:
                pictures += address.startswith("data:image/jpeg;base64,")
                assert address.startswith(("#", "data:")), (tag, name, address[:80])
    assert pictures >= 4
    text = (written / "index.html").read_text(encoding="utf-8")
    assert not re.search(r"url\(|@import|https?://|fetch\(|XMLHttpRequest", text)
    assert len(text) < 1_500_000


def test_pictures_and_plots_have_words(written: Path) -> None:
    page = page_of(written)
    drawings = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(drawings) > 8
    assert all(a.get("role") == "img" and a.get("aria-label") for a in drawings)
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
    assert f"{100 * report.map:.1f} mAP" in page
    assert all(f"{100 * value:.1f}" in page for value in report.per_class.values())


def test_second_run_is_set_against_the_first(written: Path, run: Made) -> None:
    report, table, dataset = run
    other, _ = worse(report, table, dataset)
    difference = json.loads((written / "report.json").read_bytes())["comparison"]
    assert difference["mean"]["value"] == pytest.approx(report.map - other.map, abs=1e-9)
    text = page_of(written).text
    assert f"detections is better than fewer by {100 * (report.map - other.map):.1f} ±" in text


def test_runs_of_two_protocols_are_refused(tmp_path: Path, run: Made) -> None:
    report, table, dataset = run
    other = (evaluate(table, dataset, "coco"), table)
    with pytest.raises(EvaluationError, match=r"'voc' and 'coco'.*one protocol"):
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
    assert page.faults == [] and f"{100 * report.map:.1f}" in page.text
    assert all(name in page.text for name in report.stats)
    # The interval belongs to this very figure: it holds it.
    low, high = map(float, re.findall(r"95 % interval ([\d.]+) to ([\d.]+)", page.text)[0])
    assert low <= 100 * report.map <= high


def test_names_are_text(tmp_path: Path) -> None:
    names = [HOSTILE, "{{ 7 * 7 }}", "a" * 80, "猫 & <b>"]
    report, table, dataset = made(tmp_path / "made", names)
    report = replace(report, notes=(f"odd: {HOSTILE}",))
    path = write_report(tmp_path, report, table, dataset, title=HOSTILE, command=HOSTILE, date=DAY)
    text = path.read_text(encoding="utf-8")
    page = Page(text)
    assert page.faults == []
    assert [tag for tag, _ in page.tags].count("script") == 1 and "<script>alert" not in text
    assert "b" not in {tag for tag, attributes in page.tags if attributes.get("onclick")}
    for name in names:
        assert " ".join(name.split()) in page.text
    assert "49" not in re.findall(r"title=\"(\d+)\"", text)
    with open(tmp_path / "classes.csv", newline="", encoding="utf-8") as file:
        assert [row["class"] for row in csv.DictReader(file)] == names


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
    assert "the one class that has objects" in text
    facts = json.loads((tmp_path / "report.json").read_bytes())
    assert facts["report"]["per_class"] == {"cat": 0.5, "unicorn": None}


def test_what_sets_tides_ap_apart_is_told(tmp_path: Path) -> None:
    """Under 101 detections on an image TIDE passes over one; classes without objects do nothing."""
    dataset = dataset_of(tmp_path, [truth(1, 1, (10, 10, 60, 60))], images=1, names=["cat", "emu"])
    rows = [found(1, 1, (10, 10, 60, 60), 0.9), found(1, 2, (500, 500, 600, 600), 0.8)]
    for more, said in ((0, "over all classes."), (99, "over all classes (1 detection left out).")):
        rows += [found(1, 2, (500, 500, 600, 600), 0.1)] * more
        table = read_detections(rows, dataset)
        path = write_report(tmp_path / "out", evaluate(table, dataset), table, dataset, date=DAY)
        text = Page(path.read_text(encoding="utf-8")).text
        assert "TIDE's own AP, which is 100.0 %" in text and said in text


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
    assert ("100.0 mAP" if objects else "– mAP") in page.text
    assert ("losses" in page.ids()) == (objects == 1)
    assert not re.search(r"\bnan\b|\bNone\b", page.text)


def test_photographs_that_are_not_there_or_broken(tmp_path: Path, run: Made) -> None:
    (tmp_path / "1.jpg").write_bytes(b"not a photograph")
    path = write_report(tmp_path / "report", *run, images=tmp_path, date=DAY)
    assert "none of the photographs could be read" in Page(path.read_text()).text
    draw_noise(tmp_path / "2.jpg", (1000, 1000))
    path = write_report(tmp_path / "report", *run, images=tmp_path, date=DAY)
    assert path.read_text().count("data:image/jpeg") == 1


def test_many_classes(tmp_path: Path) -> None:
    names = [f"class {number}" for number in range(200)]
    run = made(tmp_path / "made", names, images=150)
    path = write_report(tmp_path, *run, other=worse(*run), date=DAY)
    page = Page(path.read_text(encoding="utf-8"))
    assert page.faults == [] and path.stat().st_size < 1_000_000
    assert "Most frequent confusions" in page.text and "more classes" in page.text
    assert not any("heat" in (attributes.get("class") or "") for _, attributes in page.tags)


def test_folder_that_cannot_be_made(tmp_path: Path, run: Made) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EvaluationError, match=r"cannot be written .*choose another folder"):
        write_report(tmp_path / "file", *run)


def test_staircase_goes_down_where_the_envelope_does() -> None:
    recall = np.array([0.25, 0.25, 0.5, 0.75])
    precision = np.array([1, 0.5, 2 / 3, 0.6])
    # Envelope: 1 up to a recall of .25, 2/3 up to .5, .6 up to .75, then nothing.
    drawn = charts.staircase(recall, precision)
    numbers = re.findall(r"([MHV])(\d+)(?: (\d+))?", drawn)
    assert numbers == [
        ("M", "0", "0"),
        *[("H", "256", ""), ("V", "333", ""), ("H", "504", ""), ("V", "400", "")],
        *[("H", "752", ""), ("V", "1000", "")],
    ]
    grid = charts.envelope_on_grid(recall, precision)
    assert grid[[0, 25, 26, 50, 51, 75, 76, 100]] == pytest.approx(
        [1, 1, 2 / 3, 2 / 3, 0.6, 0.6, 0, 0]
    )


def test_figures_as_people_read_them() -> None:
    assert [words.points(value) for value in (0.4582, 1.0, 0.0, -0.0, math.nan, None)] == [
        *("45.8", "100.0", "0.0", "0.0", "–", "–")
    ]
    assert [words.difference(value) for value in (0.0132, -0.0132, 0.0004, -0.0004)] == [
        *("+1.3", "−1.3", "0.0", "0.0")
    ]
    assert words.amount(1, "image") == "1 image" and words.amount(2681, "image") == "2,681 images"
    assert words.sentence("no difference: B-2 is 1.0 (-0.2 to 2)") == (
        "No difference: B-2 is 1.0 (−0.2 to 2)."
    )


def test_worst_come_first_and_no_class_crowds_out_the_others() -> None:
    rows, images = np.array([4, 3, 2, 1, 0]), np.array([0, 1, 2, 3, 3])
    labels = np.array([1, 0, 0, 0, 0])
    shown: set[int] = set()
    given = []
    for row, image in one_for_each_image(rows, images, labels, shown, per_class=2):
        shown.add(image)
        given.append(row)
    # Row 3 is of an image shown already, row 1 of a class shown twice.
    assert given == [4, 2, 0]
