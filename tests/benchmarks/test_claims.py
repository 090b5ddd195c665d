"""The table of claims: its figures against those worked out by hand, and what it refuses."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from eval.why.intervals import Interval

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
OBJECT = [10, 10, 40, 40]  # x, y, width, height, in each picture
NEAR = [10, 10, 31, 40]  # 31/40 of it: found at COCO's thresholds 0.5 to 0.75, not at 0.8 to 0.95


@pytest.fixture
def claims(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("claims")


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """Three pictures with an object each."""
    numbers = (1, 2, 3)
    document = {
        "images": [
            {"id": n, "file_name": f"{n}.jpg", "height": 100, "width": 100} for n in numbers
        ],
        "annotations": [{"image_id": n, "category_id": 7, "bbox": OBJECT} for n in numbers],
        "categories": [{"id": 7, "name": "cup"}],
    }
    path = tmp_path / "truth.json"
    path.write_text(json.dumps(document))
    return path


def line(
    image: int, box: list[int] | None, seconds: float = 1, proposals: int = 1, regions: int = 1
) -> dict[str, Any]:
    """Of detections.jsonl: at most one detection, surer in earlier pictures."""
    found = {"image_id": image, "category_id": 7, "bbox": box, "score": 1 - image / 10}
    return {
        "image_id": image,
        "seconds": seconds,
        "proposals": proposals,
        "regions": regions,
        "detections": [] if box is None else [found],
    }


def run(folder: Path, *lines: dict[str, Any]) -> str:
    folder.mkdir()
    (folder / "detections.jsonl").write_text("".join(json.dumps(row) + "\n" for row in lines))
    return str(folder)


def table(claims: ModuleType, monkeypatch: pytest.MonkeyPatch, truth: Path, *runs: str) -> None:
    monkeypatch.setattr("sys.argv", ["claims.py", "--data", str(truth), *runs])
    claims.main()


def test_a_line_that_a_kill_cut_off_is_left_out(claims: ModuleType, tmp_path: Path) -> None:
    folder = Path(run(tmp_path / "run", line(1, OBJECT)))
    with (folder / "detections.jsonl").open("a") as file:
        file.write('{"image_id": 2, "det')
    assert list(claims.read_run(folder)) == [1]


def test_data_that_cannot_be_read_are_told_in_one_line(
    claims: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    folder = run(tmp_path / "run", line(1, OBJECT))
    with pytest.raises(SystemExit):
        table(claims, monkeypatch, tmp_path / "none.json", folder)
    assert "none.json" in capsys.readouterr().err.splitlines()[-1]


def test_figures_are_those_worked_out_by_hand(
    claims: ModuleType,
    truth: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    half = run(tmp_path / "half", line(1, OBJECT, 0.5, 1000, 200), line(2, None, 1.0, 2000, 100))
    # The third picture, which the other run has not done, counts nowhere
    both = run(
        tmp_path / "both",
        line(3, None, 50.0, 9000, 9000),
        line(2, NEAR, 0.1, 40, 20),
        line(1, OBJECT, 0.3, 60, 40),
    )
    table(claims, monkeypatch, truth, half, both)
    *head, first, second = capsys.readouterr().out.splitlines()
    assert "\n".join(head) == claims.HEAD
    # One of two objects is found. COCO's 101 recalls: 51 are within reach. Two pictures are too few
    # for an interval.
    assert first == "| half | 0.500 |  | 0.505 | 1,500, 150 | 0.75 |"
    # Both found at 6 of COCO's 10 thresholds: 0.6 + 0.4 * 51 / 101
    name, mean, gain, coco, boxes, seconds = second.strip("| ").split(" | ")
    assert (name, mean, coco, gain) == ("both", "1.000", "0.802", "+0.500 ± –")
    assert (boxes, seconds) == ("50, 30", "0.20")


def test_a_row_with_intervals(claims: ModuleType) -> None:
    mean, gain = Interval(0.5526, 0.0171, 0.5229, 0.5891), Interval(-0.0012, 0.004, -0.01, 0.007)
    row = claims.Row("a", mean, gain, 0.27, 1427.4, 200, 1.368)
    assert str(row) == ("| a | 0.553 (0.523–0.589) | -0.001 ± 0.004 | 0.270 | 1,427, 200 | 1.37 |")


def test_a_folder_that_is_no_run_is_named(
    claims: ModuleType,
    truth: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    good = run(tmp_path / "good", line(1, OBJECT))
    with pytest.raises(SystemExit, match="2"):
        table(claims, monkeypatch, truth, good, str(tmp_path / "none"))
    last = capsys.readouterr().err.splitlines()[-1]
    reason = f"{tmp_path / 'none'}: no run of `detect evaluate`; give the folder it wrote"
    assert last.endswith(f"error: {reason}")


def test_runs_on_other_pictures_are_refused(
    claims: ModuleType, truth: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = run(tmp_path / "one", line(1, OBJECT)), run(tmp_path / "two", line(2, OBJECT))
    with pytest.raises(SystemExit, match=r"no image of .*truth\.json is in all runs; give --data"):
        table(claims, monkeypatch, truth, *runs)
