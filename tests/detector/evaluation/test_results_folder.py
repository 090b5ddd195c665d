"""The folder of a run of `detect evaluate`: its state after a kill, and how it continues."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from detector.cli import main
from detector.errors import DetectorError
from detector.evaluation.results_folder import ResultsFolder
from tests.detector.stub_detector import tiny_dataset, use

ROOT = Path(__file__).parents[3]
IMAGES, KILLS = 200, 10
ROWS: dict[str, list[dict[str, Any]]] = {
    "a": [],
    "b": [{"image_id": "b", "category_id": 17, "bbox": [1.5, 2.0, 3.25, 4.0], "score": 0.5}],
    "ç": [{"image_id": "ç", "category_id": 18, "bbox": [0.0, 0.0, 1.0, 1.0], "score": 0.25}] * 2,
}


def trace(image_id: str) -> dict[str, list[float]]:
    return {"proposal_iou": [0.5] * len(image_id), "class_score": [0.125] * len(ROWS[image_id])}


def fill(run: ResultsFolder) -> list[str]:
    """Add the missing images; returns them."""
    missing = [image_id for image_id in ROWS if image_id not in run]
    for image_id in missing:
        run.add(image_id, 0.25, ROWS[image_id], trace(image_id))
    return missing


def whole(folder: Path) -> tuple[bytes, bytes]:
    with ResultsFolder(folder, {}, traced=True) as run:
        fill(run)
    return (folder / "detections.jsonl").read_bytes(), (folder / "objects.jsonl").read_bytes()


def last_line(content: bytes) -> int:
    return content.rstrip(b"\n").rindex(b"\n") + 1


def test_ten_kills_lose_and_repeat_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tiny_dataset(tmp_path / "data", IMAGES)
    use(monkeypatch)
    assert main(["evaluate", "--data", str(data), "-o", str(tmp_path / "one")]) == 0
    expected = capsys.readouterr().out.splitlines()

    output = tmp_path / "many"
    words = [sys.executable, "-m", "tests.detector.stub_detector", "evaluate"]
    words += ["--data", str(data), "-o", str(output)]
    rng = random.Random(4)
    kills = torn = 0
    while kills < KILLS or not torn:
        kills += 1
        before = lines(output / "detections.jsonl")
        child = subprocess.Popen(
            words, cwd=ROOT, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        wanted = len(before) + rng.randint(1, 12)
        while len(lines(output / "detections.jsonl")) < wanted and child.poll() is None:
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.012))
        child.kill()
        assert child.wait() == -signal.SIGKILL  # while it was working
        assert lines(output / "detections.jsonl")[: len(before)] == before
        torn += is_torn(output / "detections.jsonl") + is_torn(output / "objects.jsonl")
    assert KILLS < len(lines(output / "detections.jsonl")) < IMAGES
    last = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)

    # everything except the seconds per picture
    assert last.stdout.splitlines()[:-1] == expected[:-1]
    for name in ("detections.json", "objects.jsonl", "report.json"):
        assert (output / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
    one, many = (
        [json.loads(line) for line in lines(tmp_path / run / "detections.jsonl")]
        for run in ("one", "many")
    )
    assert [line["image_id"] for line in many] == list(range(1, IMAGES + 1))
    assert [line["detections"] for line in many] == [line["detections"] for line in one]
    assert sum(len(line["detections"]) for line in one) > IMAGES


def is_torn(path: Path) -> bool:
    return path.read_bytes()[-1:] not in (b"\n", b"")


def lines(path: Path) -> list[bytes]:
    """The complete lines of a file."""
    with contextlib.suppress(FileNotFoundError):
        return [line for line in path.read_bytes().splitlines(True) if line.endswith(b"\n")]
    return []


@pytest.mark.parametrize("torn", [("detections.jsonl",), ("detections.jsonl", "objects.jsonl")])
def test_an_image_whose_line_is_torn_is_repeated(tmp_path: Path, torn: tuple[str, ...]) -> None:
    contents = whole(tmp_path)
    files = dict(zip(("detections.jsonl", "objects.jsonl"), contents, strict=True))
    ends = {name: range(last_line(files[name]), len(files[name])) for name in torn}
    for step in range(max(map(len, ends.values()))):
        for name, cuts in ends.items():
            os.truncate(tmp_path / name, cuts[min(step, len(cuts) - 1)])
        with ResultsFolder(tmp_path, {}, traced=True) as run:
            assert fill(run) == ["ç"]
            assert [line["image_id"] for line in run.lines(ROWS)] == list(ROWS)
        for name, content in files.items():
            assert (tmp_path / name).read_bytes() == content


def test_an_image_whose_traces_are_torn_is_repeated(tmp_path: Path) -> None:
    detections, objects = whole(tmp_path)
    for cut in range(last_line(objects), len(objects)):
        os.truncate(tmp_path / "objects.jsonl", cut)
        with ResultsFolder(tmp_path, {}, traced=True) as run:
            assert fill(run) == ["ç"]
        assert (tmp_path / "objects.jsonl").read_bytes() == objects
        assert (tmp_path / "detections.jsonl").read_bytes() == detections


def test_results_are_in_the_given_order_and_without_times(tmp_path: Path) -> None:
    with ResultsFolder(tmp_path, {}) as run:
        for image_id, seconds in (("ç", 2.0), ("a", 0.5), ("b", 1.0)):
            counts = {"proposals": 10 * len(image_id.encode()), "regions": 3}
            if image_id == "b":
                counts["other_sides"] = 1
            run.add(image_id, seconds, ROWS[image_id], more=counts)
        path, totals = run.write_results(["a", "b", "never done", "ç"])
        assert json.loads(path.read_bytes()) == ROWS["b"] + ROWS["ç"]
        assert totals == (3.5, 40, 9, 1)
        assert (
            run.write_results(["a"])[1] == (0.5, 10, 3, 0) and json.loads(path.read_bytes()) == []
        )
    assert not (tmp_path / "objects.jsonl").exists()


def test_a_run_continues_with_the_same_settings_only(tmp_path: Path) -> None:
    settings = {"weights": "0123456789abcdef" * 4, "proposals.mode": "fast", "sizes": (1, 2)}
    with ResultsFolder(tmp_path, settings, {"name": "first"}, traced=True) as run:
        fill(run)
    with ResultsFolder(tmp_path, settings, {"name": "second"}, traced=True) as run:
        assert len(run) == 3 and run.about == {"name": "first"}
    other = {"weights": "fedcba9876543210" * 4, "proposals.mode": "quality", "sizes": (1, 2)}
    with pytest.raises(DetectorError) as caught:
        ResultsFolder(tmp_path, other)
    message = str(caught.value)
    assert "\n" not in message and "--output" in message and "--restart" in message
    assert "weights 01234567... (now fedcba98...), proposals.mode fast (now quality);" in message
    assert "sizes" not in message
    with ResultsFolder(tmp_path, other, traced=True, restart=True) as run:
        assert len(run) == 0
    assert not (tmp_path / "detections.jsonl").read_bytes()
    assert not (tmp_path / "objects.jsonl").read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("run.json", b"{}", "does not describe a run"),
        ("run.json", b'{"settings": 3}', "does not describe a run"),
        ("run.json", b'{"settings":', "does not describe a run"),
        ("run.json", None, "without the run.json that describes them"),
        ("detections.jsonl", b"[1]\n", "line 1 is not the result of an image"),
        ("detections.jsonl", b'{"image_id":1}\n\n', "line 2 is not the result of an image"),
    ],
)
def test_other_files_of_these_names_are_rejected(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    with ResultsFolder(tmp_path, {}) as run:
        fill(run)
    (tmp_path / name).unlink() if content is None else (tmp_path / name).write_bytes(content)
    with pytest.raises(DetectorError, match=message) as caught:
        ResultsFolder(tmp_path, {})
    assert "\n" not in str(caught.value) and "--restart" in str(caught.value)
    with ResultsFolder(tmp_path, {}, restart=True) as run:
        assert fill(run) == list(ROWS)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with ResultsFolder(tmp_path, {}) as run:
        for restart in (False, True):
            with pytest.raises(DetectorError, match="another process is at work there"):
                ResultsFolder(tmp_path, {}, restart=restart)
        fill(run)
    with ResultsFolder(tmp_path, {}) as run:
        assert len(run) == 3


def test_a_full_disk_is_reported_and_the_image_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ResultsFolder(tmp_path, {}) as run:
        run.add("a", 1.0, ROWS["a"])
        write = os.write
        with monkeypatch.context() as patch:
            patch.setattr("os.write", lambda file, line: write(file, line[:9]))
            with pytest.raises(OSError, match="No space left"):
                run.add("b", 1.0, ROWS["b"])
    with ResultsFolder(tmp_path, {}) as run:
        assert fill(run) == ["b", "ç"]
