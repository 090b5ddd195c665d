"""The folder that `detect batch` writes, as results."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from eval import Dataset, EvaluationError, evaluate, read_dataset, read_detections

TRUTH = {
    "images": [
        {"id": 7, "file_name": "photos/a.jpg", "width": 100, "height": 80},
        {"id": 8, "file_name": "photos/b.jpg", "width": 100, "height": 80},
        {"id": 9, "file_name": "photos/c.jpg", "width": 100, "height": 80},
    ],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 3, "bbox": [10, 20, 30, 40]},
        {"id": 2, "image_id": 8, "category_id": 5, "bbox": [0, 0, 50, 50]},
    ],
    "categories": [{"id": 3, "name": "cat"}, {"id": 5, "name": "dog"}],
}
A = {
    "image": "a.jpg",
    "boxes_xyxy": [[10, 20, 40, 60], [1, 2, 3, 4]],
    "scores": [0.9, 0.25],
    "classes": ["cat", "dog"],
    "failure": None,
}
B = {
    "image": "b.jpg",
    "boxes_xyxy": [],
    "scores": [],
    "classes": [],
    "failure": "no such file",
}


@pytest.fixture
def truth() -> Dataset:
    return read_dataset(TRUTH)


def part(folder: Path, number: int, count: int, *rows: dict[str, Any]) -> Path:
    path = folder / f"part-{number:05}-of-{count:05}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_images_are_found_by_name_and_boxes_become_sides(tmp_path: Path, truth: Dataset) -> None:
    part(tmp_path, 0, 2, A)
    part(tmp_path, 1, 2, B)
    table = read_detections(tmp_path, truth)
    assert table.images.tolist() == [0, 0] and table.labels.tolist() == [0, 1]
    assert table.boxes_xywh.tolist() == [[10, 20, 30, 40], [1, 2, 2, 2]]
    assert table.scores.tolist() == [0.9, 0.25]
    assert evaluate(table, truth, "coco").per_class["cat"] == pytest.approx(1)


def test_pictures_without_results_are_noted(tmp_path: Path, truth: Dataset) -> None:
    part(tmp_path, 0, 1, A, B)
    notes = "; ".join(read_detections(tmp_path, truth).notes)
    assert "1 image failed in `detect batch`" in notes
    assert "no row for 1 image of the ground truth" in notes


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([A, A], "image 'a.jpg' has several rows"),
        ([{**A, "scores": [0.9]}], "other numbers of boxes or classes than of scores"),
        ([{**A, "scores": [0.9, float("nan")]}], "no part of `detect batch`"),
        ([{**A, "image": "d.jpg"}], "image 'd.jpg' is no image of the ground truth"),
        ([{**A, "classes": ["bird", "cow"]}], "none of its classes (bird, cow)"),
        ([{"image": "a.jpg"}], "no part of `detect batch`"),
    ],
)
def test_faults_are_one_line(
    tmp_path: Path, truth: Dataset, rows: list[dict[str, Any]], words: str
) -> None:
    part(tmp_path, 0, 1, *rows)
    with pytest.raises(EvaluationError, match=re.escape(words)) as raised:
        read_detections(tmp_path, truth)
    assert "\n" not in str(raised.value)


def test_an_unfinished_run_is_refused(tmp_path: Path, truth: Dataset) -> None:
    part(tmp_path, 1, 3, A)
    with pytest.raises(EvaluationError, match="2 of 3 parts missing: the run has not finished"):
        read_detections(tmp_path, truth)


def test_parts_of_two_runs_are_refused(tmp_path: Path, truth: Dataset) -> None:
    part(tmp_path, 0, 1, A)
    part(tmp_path, 0, 2, B)
    with pytest.raises(EvaluationError, match="parts of several runs"):
        read_detections(tmp_path, truth)


def test_images_that_are_not_listed_may_be_left_out(tmp_path: Path, truth: Dataset) -> None:
    part(tmp_path, 0, 1, A, {**A, "image": "d.jpg"})
    table = read_detections(tmp_path, truth, skip_unlisted=True)
    assert len(table) == 2 and "left out 2 detections of 1 image" in "; ".join(table.notes)


def test_parquet_holds_the_same(tmp_path: Path, truth: Dataset) -> None:
    pa = pytest.importorskip("pyarrow", reason="needs the extra [ray]")
    import pyarrow.parquet as pq

    (tmp_path / "json").mkdir()
    part(tmp_path / "json", 0, 1, A, B)
    pq.write_table(pa.Table.from_pylist([A, B]), tmp_path / "part-00000-of-00001.parquet")
    own, other = (read_detections(path, truth) for path in (tmp_path, tmp_path / "json"))
    assert own.boxes.tolist() == other.boxes.tolist() and own.notes == other.notes
    (tmp_path / "part-00000-of-00001.parquet").write_bytes(b"PAR1")
    with pytest.raises(EvaluationError, match="no part of `detect batch`"):
        read_detections(tmp_path, truth)
