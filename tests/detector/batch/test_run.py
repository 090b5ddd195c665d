"""`detect batch` on real Ray processes: nothing is lost or twice, whatever is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.detector.command import detect

pytest.importorskip("ray", reason="needs the extra [ray]")
pq = pytest.importorskip("pyarrow.parquet", reason="needs the extra [ray]")

from detector.batch import DetectPictures  # noqa: E402
from tests.detector.batch import stub_batch  # noqa: E402


def rows_in(folder: Path) -> list[dict[str, Any]]:
    return [
        row for path in sorted(folder.glob("part-*")) for row in pq.read_table(path).to_pylist()
    ]


def expected(folder: Path, count: int, killed: Path) -> list[dict[str, Any]]:
    """The rows of one process, one picture after another."""
    alone = DetectPictures(stub_batch.BatchStub(killed))  # type: ignore[arg-type]
    rows = []
    for number in range(count):
        (row,) = alone({"image": [str(folder / f"{number}.bmp")]}).to_pylist()  # type: ignore
        rows.append({**row, "image": f"{number}.bmp"})
    return rows


def test_a_picture_that_kills_its_process_is_tried_again_and_then_fails(tmp_path: Path) -> None:
    folder = stub_batch.pictures(tmp_path / "photos", 11, once=1, always=5)
    (folder / "7.bmp").write_bytes(b"no picture")
    finished = stub_batch.run(folder, tmp_path / "out")
    rows = rows_in(tmp_path / "out")
    (folder / "5.bmp").unlink()
    killed = tmp_path / "out.killed"
    own = expected(folder, 11, killed)
    assert killed.exists() and (finished.pictures, finished.failed) == (11, 2)
    assert [row["image"] for row in rows] == [f"{number}.bmp" for number in range(11)]
    assert rows[:5] + rows[6:] == own[:5] + own[6:]
    assert rows[5]["boxes_xyxy"] == [] and "3 processes were killed" in rows[5]["failure"]
    assert "not a picture" in rows[7]["failure"] and "bmp" not in rows[7]["failure"]


def test_a_run_whose_process_is_killed_continues(tmp_path: Path) -> None:
    folder, output = stub_batch.pictures(tmp_path / "photos", 30), tmp_path / "out"
    words = [sys.executable, "-m", "tests.detector.batch.stub_batch", str(folder), str(output)]
    driver = subprocess.Popen(words)
    deadline = time.monotonic() + 300
    while len(list(output.glob("part-*"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(driver.pid, signal.SIGKILL)
    driver.wait()
    before = {path: path.stat().st_mtime_ns for path in output.glob("part-*")}
    assert 2 <= len(before) < 10
    (output / ".0123456789abcdef.tmp").write_bytes(b"torn")  # as if killed while writing
    stub_batch.run(folder, output)
    assert not list(output.glob(".*.tmp"))
    assert all(path.stat().st_mtime_ns == time_then for path, time_then in before.items())
    assert rows_in(output) == expected(folder, 30, tmp_path / "out.killed")


@contextmanager
def one_thread() -> Iterator[None]:
    """A block in which torch computes with one thread, as an actor with `--threads 1` does."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def test_the_command_equals_one_process_and_is_evaluated(
    small_dataset: Path, small_weights: Path, tmp_path: Path
) -> None:
    import numpy as np

    from detector import Detector

    words = ("--weights", small_weights, "--workers", 2, "--threads", 1, "--per-file", 4)
    done = detect("batch", small_dataset, "-o", tmp_path / "out", *words)
    assert done.code == 0, done.errors
    assert "6 pictures -> " in done.errors
    detector, rows = Detector.load(small_weights), rows_in(tmp_path / "out")
    for row in rows:
        with one_thread():  # sums are rounded otherwise with two
            alone = detector(small_dataset.parent / row["image"], preset="evaluate")
        assert np.array_equal(np.float32(row["boxes_xyxy"]).reshape(-1, 4), alone.boxes_xyxy)
        assert np.array_equal(np.float32(row["scores"]), alone.scores)
        assert row["classes"] == [alone.class_names[label] for label in alone.labels]
    assert [row["image"] for row in rows] == [f"{number}.png" for number in range(1, 7)]

    # The same figures as those of the detector's own run, but for its rounded COCO results.
    options = ("--data", small_dataset, "--json", "-")
    own = detect("evaluate", *options, "--detections", tmp_path / "out")
    other = detect("evaluate", *options, "--weights", small_weights, "-o", tmp_path / "run")
    figures = [json.loads(run.out)["stats"] for run in (own, other)]
    assert figures[0] == pytest.approx(figures[1], abs=1e-3, nan_ok=True)

    # Another source, other options: refused in words.
    (small_dataset.parent / "7.png").write_bytes((small_dataset.parent / "6.png").read_bytes())
    try:
        other = detect("batch", small_dataset.parent, "-o", tmp_path / "out", *words)
    finally:
        (small_dataset.parent / "7.png").unlink()
    assert other.code == 1
    assert "source" in other.errors and "pictures 6 (now 7)" in other.errors
    assert "--restart to start again" in other.errors
