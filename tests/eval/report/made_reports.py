"""Made-up runs to report on, and a reader of the page."""

from __future__ import annotations

import datetime
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from eval import Dataset, Report, evaluate
from eval.detections import DetectionTable
from eval.reading import read_detections
from tests.eval.cases import dataset_of, found, truth

DAY = datetime.date(2026, 3, 1)
VOID = {"meta", "link", "img", "br", "hr", "input"}


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


def draw_noise(path: Path, size: tuple[int, int]) -> None:
    from PIL import Image

    noise = np.random.default_rng(0).integers(0, 256, (size[1] // 10, size[0] // 10, 3), np.uint8)
    Image.fromarray(noise).resize(size).save(path, quality=90)


def worse(report: Report, table: DetectionTable, dataset: Dataset) -> tuple[Report, DetectionTable]:
    """The same detections with every third left out."""
    kept = np.arange(len(table)) % 3 > 0
    columns = (table.images, table.labels, table.boxes, table.scores)
    fewer = DetectionTable(*(column[kept] for column in columns), source="fewer.json")
    return evaluate(fewer, dataset, report.protocol), fewer
