"""`detect check`: groups on standard output, the exit code, all findings as JSON."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.detector.command import detect

TRUTH: dict[str, Any] = {
    "images": [{"id": 1, "file_name": "a.jpg", "width": 50, "height": 40}],
    "categories": [{"id": 1, "name": "cat"}],
    "annotations": [
        {
            "id": k,
            "image_id": 1,
            "category_id": 1,
            "bbox": [k, 2, 30, 20],
            "area": 600,
            "iscrowd": 0,
        }
        for k in range(1, 21)
    ],
}


def saved(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document))
    return path


def test_a_good_file(tmp_path: Path) -> None:
    run = detect("check", saved(tmp_path / "truth.json", TRUTH))
    assert (run.code, run.errors) == (0, "")
    assert run.out == (
        "note: content\n  truth.json: 1 image, 1 class, 20 objects\nno errors, no warnings\n"
    )


def test_errors_are_grouped_and_the_first_twenty_shown(tmp_path: Path) -> None:
    bad = [{**record, "image_id": 2} for record in TRUTH["annotations"] * 2]
    for number, record in enumerate(bad):
        record["id"] = number + 1
    path = saved(tmp_path / "truth.json", {**TRUTH, "annotations": [*bad, TRUTH["annotations"][0]]})
    run = detect("check", path)
    lines = run.out.splitlines()
    assert run.code == 1 and lines[0] == "error: annotations: unknown image_id (40)"
    assert lines[1].startswith("  truth.json: annotations[0]: image_id 2 is not listed")
    assert lines[21] == "  and 20 more; --all prints them"
    assert lines[-1] == "40 errors, 1 warning"
    everything = detect("check", "--all", path).out
    assert "annotations[39]: image_id 2" in everything and "more; --all" not in everything


def test_the_most_frequent_kinds_come_first_and_slight_ones_last(tmp_path: Path) -> None:
    sides = [*[[30 + k / 10, 20] for k in range(7)], [0, 20], [30, 0], [30.5, 0]]
    shapes = [[21, 2, *pair] for pair in sides]  # the first seven end at 51 to 51.6 of 50
    annotations = [
        {**record, "bbox": shape, "area": 30}
        for record, shape in zip(TRUTH["annotations"], shapes, strict=False)
    ]
    annotations[0]["id"] = 0
    path = saved(tmp_path / "truth.json", {**TRUTH, "annotations": annotations})
    lines = detect("check", path).out.splitlines()
    headings = [line for line in lines if line.startswith("warning")]
    assert headings == [
        "warning: empty box (3)",
        "warning: annotation id 0",
        "warning: box slightly outside its image (9)",
    ]
    start = lines.index(headings[2])
    assert lines[start + 6] == "  and 4 more; --all prints them"
    assert detect("check", "--all", path).out.count("reaches outside") == 9


def test_findings_as_json(tmp_path: Path) -> None:
    path = saved(tmp_path / "truth.json", {**TRUTH, "categories": []})
    written = tmp_path / "findings.json"
    run = detect("check", path, "--json", written)
    rows = json.loads(written.read_bytes())
    assert run.code == 1 and "20 errors" in run.out
    assert set(rows[0]) == {"severity", "kind", "where", "field", "message", "records"}
    assert rows[0]["where"] == "truth.json: annotations[0]" and rows[0]["field"] == "category_id"
    assert sum(row["severity"] == "error" for row in rows) == 20
    assert json.loads(detect("check", path, "--json", "-").out) == rows


def test_findings_through_a_link_and_into_a_pipe(tmp_path: Path) -> None:
    path = saved(tmp_path / "truth.json", TRUTH)
    written, link = tmp_path / "kept" / "findings.json", tmp_path / "link.json"
    link.symlink_to(written)
    for _ in ("there is no such file yet", "there is one"):
        assert detect("check", path, "--json", link).code == 0
        assert link.is_symlink() and not written.is_symlink()
        rows = json.loads(written.read_bytes())
        written.write_text("[]")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)  # there is a reader, so writing goes on
    assert detect("check", path, "--json", pipe).code == 0
    assert pipe.is_fifo() and json.loads(os.read(reading, 1 << 16)) == rows != []
    os.close(reading)


@pytest.mark.parametrize("command", [["check"], ["evaluate", "--data"]])
def test_an_unwritable_target_is_reported_before_the_work(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    option = "--json" if command == ["check"] else "--save"
    a_file = saved(tmp_path / "a.json", "neither JSON nor images")  # the fault, once work begins
    for target, fault in (
        (tmp_path, "a folder; name a file in it"),
        (a_file / "x.json", f"{a_file} is a file, not a folder; "),
        (a_file / "deep" / "x.json", f"{a_file} is a file, not a folder; "),
    ):
        run = detect(*command, a_file, option, target)
        assert run.code == 2 and run.errors.startswith(f"detect: {option}: {target}: {fault}")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    run = detect(*command, a_file, option, tmp_path / "new" / "x.json")
    assert run.code == 2 and f"x.json: the folder {tmp_path} is write-protected" in run.errors
    assert list(tmp_path.iterdir()) == [a_file]


def test_a_disk_error_names_the_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    path = saved(tmp_path / "truth.json", TRUTH)
    monkeypatch.setattr(Path, "write_bytes", full)
    run = detect("check", path, "--json", tmp_path / "x.json")
    assert run.code == 1 and f"detect: {tmp_path}/x.json: No space left on device" in run.errors


def test_results_beside_their_ground_truth(tmp_path: Path) -> None:
    truth = saved(tmp_path / "truth.json", TRUTH)
    found = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}
    good = saved(tmp_path / "results.json", [found])
    assert detect("check", good, "--data", truth).code == 0
    bad = saved(tmp_path / "results.json", [found, {**found, "score": "high"}])
    run = detect("check", bad, "--data", truth)
    assert run.code == 1 and "results.json: record[1]: 'score' is 'high'" in run.out
    (tmp_path / "sub.txt").write_text("1 1 .5 1 2 3 4\n1 1 .5 1 2 3\n")
    run = detect("check", tmp_path / "sub.txt", "--data", truth)
    assert run.code == 1 and "sub.txt: line 2: 6 columns; expected 7" in run.out
    run = detect("check", tmp_path / "sub.txt")
    assert run.code == 1 and run.out == "" and "name their ground truth with --data" in run.errors


def test_faulty_ground_truth_of_results_is_one_line(tmp_path: Path) -> None:
    truth = saved(tmp_path / "truth.json", {})
    run = detect("check", saved(tmp_path / "results.json", []), "--data", truth)
    assert run.code == 1 and run.errors.startswith("detect: truth.json: no list 'images'")
    assert run.errors.count("\n") == 1


def test_odd_characters_are_escaped(tmp_path: Path) -> None:
    names = [{"id": 1, "name": "cat"}, {"id": 2, "name": "two\nlines\x1b[31m"}]
    run = detect("check", saved(tmp_path / "truth.json", {**TRUTH, "categories": names}))
    assert run.code == 0 and "\x1b" not in run.out
    assert len(run.out.splitlines()) == 5


def test_no_torch_is_loaded(tmp_path: Path) -> None:
    import subprocess
    import sys

    path = saved(tmp_path / "truth.json", TRUTH)
    code = (
        "import sys; from detector.cli import main; main(['check', sys.argv[1]]); "
        "print([name for name in ('torch', 'cv2', 'pycocotools') if name in sys.modules])"
    )
    words = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
