"""The benchmark of the evaluator: its made-up problem, its runners, its table. No times."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def benchmark(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module("evaluator")


def test_problem_is_well_formed(benchmark: ModuleType, tmp_path: Path) -> None:
    problem = benchmark.find_or_make("tiny", tmp_path)
    size = problem.size
    truths = json.loads(problem.truths.read_bytes())
    detections: list[dict[str, Any]] = json.loads(problem.detections.read_bytes())
    objects: list[dict[str, Any]] = truths["annotations"]

    frames = {image["id"]: (image["width"], image["height"]) for image in truths["images"]}
    classes = {category["id"] for category in truths["categories"]}
    assert len(frames) == size.images and len(classes) == size.classes
    assert len({truth["id"] for truth in objects}) == len(objects) == size.objects
    assert len(detections) == size.detections
    for record in [*objects, *detections]:
        x, y, width, height = record["bbox"]
        columns, rows = frames[record["image_id"]]
        assert x >= 0 and y >= 0 and width >= 1 and height >= 1
        assert x + width <= columns + 0.01 and y + height <= rows + 0.01
        assert record["category_id"] in classes
    for truth in objects:
        assert 0 < truth["area"] <= truth["bbox"][2] * truth["bbox"][3] + 1e-4
    assert 0 < sum(truth["iscrowd"] for truth in objects) < size.objects / 20
    assert all(0 < found["score"] < 1 for found in detections)
    different = {(found["category_id"], found["score"]) for found in detections}
    assert 0.95 * size.detections < len(different) < size.detections

    again = benchmark.find_or_make("tiny", tmp_path / "again")
    assert again.truths.read_bytes() == problem.truths.read_bytes()
    assert again.detections.read_bytes() == problem.detections.read_bytes()
    written = problem.detections.stat().st_mtime_ns
    assert benchmark.find_or_make("tiny", tmp_path) == problem
    assert problem.detections.stat().st_mtime_ns == written


def test_tools_agree(benchmark: ModuleType, tmp_path: Path) -> None:
    tools = importlib.import_module("evaluator_tools")
    problem = benchmark.find_or_make("tiny", tmp_path)
    files = str(problem.truths), str(problem.detections)
    runs = {tool: tools.measure(tool, *files) for tool in tools.TOOLS}
    expected = [float.fromhex(figure) for figure in runs["pycocotools"]["stats"]]
    assert len(expected) == 12 and min(expected) > 0.1 and max(expected) < 0.9
    assert runs["ours"]["stats"] == runs["pycocotools"]["stats"]
    for run in runs.values():
        if "missing" not in run:
            assert [float.fromhex(figure) for figure in run["stats"]] == pytest.approx(expected)


def test_whole_run(
    benchmark: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    figures = tmp_path / "figures.json"
    options = ["--problem", "tiny", "--tools", "pycocotools", "--rounds", "1"]
    files = ["--folder", str(tmp_path), "--json", str(figures)]
    monkeypatch.setattr("sys.argv", ["evaluator.py", *options, *files])
    benchmark.main()
    line = next(line for line in capsys.readouterr().out.splitlines() if "identical" in line)
    assert line.startswith("pycocotools")
    (run,) = json.loads(figures.read_text())["problems"]["tiny"]["pycocotools"]
    assert run["peak"] > 10 and run["process"] >= run["total"] >= run["evaluate"] > 0


def test_tools_that_cannot_run(
    benchmark: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    problem = benchmark.find_or_make("tiny", tmp_path)
    run = benchmark.Runner(benchmark.sys.executable, 1, tmp_path)
    problem.detections.write_text("[")
    failed = run("pycocotools", problem)
    benchmark.print_table(problem, {"pycocotools": [failed], "hotcoco": [{"missing": "it"}]})
    printed = capsys.readouterr().out
    assert "JSONDecodeError" in printed and "not installed" in printed
