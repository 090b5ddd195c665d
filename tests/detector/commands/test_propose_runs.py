"""`detect propose`: finished pictures are kept, damaged or missing ones are computed again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detector import Detector, read_image
from detector.files.locking import locked
from detector.pictures.reading import read_scaled
from proposals import selective_search
from tests.detector.command import SEARCH, detect, proposed, save


def test_npz_holds_exact_boxes_without_pickles(
    search: Any, small_dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    data = ("--data", small_dataset, "--format", "npz", "-o", out)
    assert search(*data, "--limit", 2).code == 0
    assert sorted(path.name for path in (out / "boxes").iterdir()) == ["1.npz", "2.npz"]
    with np.load(out / "boxes" / "1.npz", allow_pickle=False) as content:
        expected = selective_search(read_image(small_dataset.parent / "1.png"), **SEARCH)
        np.testing.assert_array_equal(content["boxes_xyxy"], expected.boxes_xyxy)
        np.testing.assert_array_equal(content["scores"], expected.scores)
        np.testing.assert_array_equal(content["source"], expected.source)
        assert (int(content["image_id"]), str(content["file_name"])) == (1, "1.png")
    # an intact file is kept, a damaged one is computed again
    before = (out / "boxes" / "1.npz").stat().st_mtime_ns
    good = (out / "boxes" / "2.npz").read_bytes()
    (out / "boxes" / "2.npz").write_bytes(good[:100])
    run = search(*data, "--limit", 3, "--recall")
    assert run.code == 0 and "1 had them before" in run.errors and "3 images" in run.out
    assert (out / "boxes" / "1.npz").stat().st_mtime_ns == before
    assert np.load(out / "boxes" / "2.npz")["boxes_xyxy"].shape[1] == 4
    assert (out / "boxes" / "3.npz").exists()


def test_a_damaged_npz_does_not_disturb_other_pictures(search: Any, tmp_path: Path) -> None:
    paths, out = [save(tmp_path / name, 1) for name in ("a.png", "b.png")], tmp_path / "out"
    words = ("--format", "npz", "-o", out)
    assert search(paths[0], *words).code == 0
    content = bytearray((out / "boxes" / "a.npz").read_bytes())
    place = content.index(b"file_name.npy") + len("file_name.npy")
    content[place : place + 40] = b"\xff" * 40  # of the compressed bytes
    (out / "boxes" / "a.npz").write_bytes(content)
    assert search(paths[1], *words).code == 0
    assert search(*paths, *words).code == 0
    assert np.load(out / "boxes" / "a.npz")["boxes_xyxy"].shape[1] == 4


def boxes_of(out: Path, path: Path, form: str) -> np.ndarray:
    """The stored boxes of a picture."""
    if form == "jsonl":
        (row,) = [row for row in proposed(out) if row["file_name"] == str(path)]
        return np.array(row["boxes_xyxy"])
    contents = [np.load(file) for file in (out / "boxes").iterdir()]
    (found,) = [content for content in contents if content["file_name"] == str(path)]
    return found["boxes_xyxy"]


@pytest.mark.parametrize("form", ["jsonl", "npz"])
def test_pictures_of_the_same_name_have_files_of_their_own(
    search: Any, tmp_path: Path, form: str
) -> None:
    paths = [save(tmp_path / place / "a.png", seed) for seed, place in enumerate("pqr")]
    out = tmp_path / "out"
    words = ("-o", out, "--draw", 5, "--format", form)
    content = paths[0].read_bytes()
    paths[0].write_text("no picture")  # it takes a name and writes no line
    assert search(*paths[:2], *words).code == 1
    paths[0].write_bytes(content)
    assert {path.name for path in out.glob("*.jpg")} == {"a-2.jpg"}
    drawn = (out / "a-2.jpg").read_bytes()
    for path in (paths[1], paths[2], paths[0], paths[1]):  # alone, in any order
        assert search(path, *words).code == 0
        assert (out / "a-2.jpg").read_bytes() == drawn
    names = ["a", "a-2", "a-3"]
    assert {path.name for path in out.glob("*.jpg")} == {f"{name}.jpg" for name in names}
    if form == "npz":
        assert {path.stem for path in (out / "boxes").iterdir()} == set(names)
    for path in paths:
        expected = selective_search(read_image(path), **SEARCH).boxes_xyxy
        np.testing.assert_allclose(boxes_of(out, path, form), expected, atol=0.0051)


@pytest.mark.parametrize("form", ["jsonl", "npz"])
def test_boxes_of_another_picture_of_the_same_name_are_rejected(
    search: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    here, there = (save(tmp_path / place / "a.png", seed) for seed, place in enumerate("pq"))
    words = ("a.png", "-o", "../out", "--draw", 5, "--format", form)
    monkeypatch.chdir(here.parent)
    assert search(*words).code == 0
    drawn = (tmp_path / "out" / "a.jpg").read_bytes()
    monkeypatch.chdir(there.parent)
    for _ in range(2):
        run = search(*words)
        assert run.code == 1 and len(run.errors.splitlines()) == 1
        assert "has boxes for a.png, but that picture has changed since;" in run.errors
        assert (tmp_path / "out" / "a.jpg").read_bytes() == drawn
        monkeypatch.chdir(here.parent)  # where the file itself is replaced now
        here.write_bytes(there.read_bytes())


def test_pictures_of_a_data_set_may_move_but_not_change(
    search: Any, small_dataset: Path, tmp_path: Path
) -> None:
    first, other = tmp_path / "first", tmp_path / "other"
    for number in range(1, 4):
        save(other / f"{number}.png", number + 9, 96, 128)
        save(first / f"{number}.png", number, 96, 128)
    words = ("--data", small_dataset, "--limit", 3, "--recall", "-o", tmp_path / "out", "--images")
    assert search(*words, first).code == 0
    run = search(*words, other)
    assert run.code == 1 and len(run.errors.splitlines()) == 1
    assert "has boxes for 1.png, but that picture has changed since" in run.errors
    run = search(*words, tmp_path / "none")
    assert run.code == 2 and f"--images: {tmp_path / 'none'}: no such file" in run.errors
    moved = first.rename(tmp_path / "moved")
    run = search(*words, moved)
    assert run.code == 0 and "3 had them before" in run.errors


@pytest.mark.parametrize("kept", [0, 1, 30, -1, -400])
def test_a_half_written_line_is_computed_again(
    search: Any, small_dataset: Path, tmp_path: Path, kept: int
) -> None:
    out = tmp_path / "out"
    data = ("--data", small_dataset, "-o", out)
    assert search(*data).code == 0
    whole = (out / "proposals.jsonl").read_bytes()
    lines = whole.splitlines(keepends=True)
    (out / "proposals.jsonl").write_bytes(b"".join(lines[:3]) + lines[3][:kept])
    run = search(*data)
    assert run.code == 0 and "3 had them before" in run.errors
    assert (out / "proposals.jsonl").read_bytes() == whole


def test_an_interrupted_run_continues(
    search: Any, small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def interrupted(path: Path) -> Any:
        calls.append(path.name)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return read_scaled(path)

    data = ("--data", small_dataset, "--no-cache")
    with monkeypatch.context() as patch:
        patch.setattr("detector.proposing.run.read_scaled", interrupted)
        assert search(*data, "-o", tmp_path / "out").code == 130
    done = len(proposed(tmp_path / "out")) if (tmp_path / "out" / "proposals.jsonl").exists() else 0
    assert done < 6
    run = search(*data, "-o", tmp_path / "out")
    assert run.code == 0
    assert not done or f"{done} had them before" in run.errors
    assert search(*data, "-o", tmp_path / "at once").code == 0
    assert proposed(tmp_path / "out") == proposed(tmp_path / "at once")


def test_a_finished_run_computes_nothing(
    search: Any, small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ("--data", small_dataset, "-o", tmp_path / "out")
    assert search(*data).code == 0
    whole = (tmp_path / "out" / "proposals.jsonl").read_bytes()
    monkeypatch.setattr("detector.proposing.run.read_scaled", None)
    run = search(*data, "--recall")
    assert run.code == 0 and "6 had them before" in run.errors and "6 images" in run.out
    assert (tmp_path / "out" / "proposals.jsonl").read_bytes() == whole


def test_boxes_of_other_settings_are_rejected(search: Any, tmp_path: Path) -> None:
    path, out = save(tmp_path / "a.png"), tmp_path / "out"
    assert search(path, "-o", out).code == 0
    for words, changed in ((["--mode", "fast"], "proposals"), (["--max-boxes", 3], "max_boxes")):
        run = search(path, *words, "-o", out)
        assert run.code == 1 and len(run.errors.splitlines()) == 1
        assert f"other settings ({changed}); give another --output" in run.errors


def test_boxes_of_another_data_set_are_rejected(
    search: Any, small_dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    content = json.loads(small_dataset.read_bytes())
    content["annotations"] = content["annotations"][1:]
    other = tmp_path / "other.json"  # of the same file names
    other.write_text(json.dumps(content))
    assert search("--data", small_dataset, "--limit", 2, "-o", out).code == 0
    pictures = ("--images", small_dataset.parent)
    for words in (("--data", other, *pictures), (small_dataset.parent / "1.png",)):
        run = search(*words, "-o", out)
        assert run.code == 1 and len(run.errors.splitlines()) == 1
        assert "other settings (data); give another --output" in run.errors
    copy = tmp_path / "copy.json"  # the same data set in another place
    copy.write_bytes(small_dataset.read_bytes())
    run = search("--data", copy, *pictures, "--limit", 3, "-o", out)
    assert run.code == 0 and "2 had them before" in run.errors


def test_weights_are_identified_by_content(small_weights: Path, tmp_path: Path) -> None:
    path, out, weights = save(tmp_path / "a.png"), tmp_path / "out", tmp_path / "w.safetensors"
    words = ("propose", path, "--weights", weights, "-o", out)
    weights.write_bytes(small_weights.read_bytes())
    assert detect(*words).code == 0
    moved = tmp_path / "moved.safetensors"
    moved.write_bytes(small_weights.read_bytes())
    assert detect("propose", path, "--weights", moved, "-o", out).code == 0
    detector = Detector.load(small_weights, device="cpu")
    next(detector.model.parameters()).data.add_(1)
    detector.save(weights)
    run = detect(*words)
    assert run.code == 1 and len(run.errors.splitlines()) == 1
    assert "other settings (weights); give another --output" in run.errors


def test_other_options_of_the_network_are_rejected(small_weights: Path, tmp_path: Path) -> None:
    words = ("propose", save(tmp_path / "a.png"), "--weights", small_weights)
    words += ("-o", tmp_path / "out")
    assert detect(*words).code == 0
    run = detect(*words, "--set", "network.pyramid=[0.5]")
    assert run.code == 1 and "other settings (network); give another --output" in run.errors


@pytest.mark.parametrize("form", ["jsonl", "npz"])
def test_a_second_process_is_rejected_in_one_line(search: Any, tmp_path: Path, form: str) -> None:
    path, out = save(tmp_path / "a.png"), tmp_path / "out"
    with locked(out):
        run = search(path, "-o", out, "--format", form)
    assert run.code == 1 and len(run.errors.splitlines()) == 1
    assert "out: another process is at work there" in run.errors
    assert not list(out.iterdir())
    assert search(path, "-o", out, "--format", form).code == 0


def test_a_file_of_other_content_is_not_continued(search: Any, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "proposals.jsonl").write_text('{"name": 1}\n')
    run = search(save(tmp_path / "a.png"), "-o", out)
    assert run.code == 1 and "line 1 does not hold the boxes of a picture" in run.errors


def test_unreadable_pictures_are_one_line_each(
    search: Any, small_dataset: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for number in (1, 2, 3):
        (folder / f"{number}.png").write_bytes(
            (small_dataset.parent / f"{number}.png").read_bytes()
        )
    (folder / "2.png").write_text("no picture")
    words = ("--data", small_dataset, "--images", folder, "--limit", 4, "--recall")
    run = search(*words, "-o", tmp_path / "out")
    assert run.code == 1 and "Traceback" not in run.errors
    for name in ("2.png", "4.png"):
        (line,) = [line for line in run.errors.splitlines() if f"{name}:" in line]
        assert line.startswith("detect: ")
    assert [row["image_id"] for row in proposed(tmp_path / "out")] == [1, 3]
    assert "2 pictures without boxes are left out" in run.errors and "2 images" in run.out
    # once repaired, the same command does them
    for number in (2, 4):
        (folder / f"{number}.png").write_bytes(
            (small_dataset.parent / f"{number}.png").read_bytes()
        )
    assert search(*words, "-o", tmp_path / "out").code == 0
    assert {row["image_id"] for row in proposed(tmp_path / "out")} == {1, 2, 3, 4}


def test_damaged_boxes_of_a_finished_picture_are_one_line(search: Any, tmp_path: Path) -> None:
    picture, out = save(tmp_path / "a.png"), tmp_path / "out"
    assert search(picture, "-o", out, "--format", "npz").code == 0
    file = out / "boxes" / "a.npz"
    with np.load(file) as content:
        arrays = {name: content[name] for name in content.files if name != "scores"}
    np.savez(file, **arrays)
    run = search(picture, "-o", out, "--format", "npz", "--draw", 3)
    assert run.code == 1 and "Traceback" not in run.errors
    assert "a.npz: damaged (KeyError('scores" in run.errors and "; delete it and run" in run.errors
    assert search(picture, "-o", out).code == 0
    lines = out / "proposals.jsonl"
    row = json.loads(lines.read_text())
    for change in ({"boxes_xyxy": [[1, 2, 3]]}, {"boxes_xyxy": None}, {"scores": []}):
        lines.write_text(json.dumps({**row, **change}) + "\n")
        run = search(picture, "-o", out, "--draw", 3)
        assert run.code == 1 and "proposals.jsonl: the line of " in run.errors
        assert " is damaged (" in run.errors and "; move the file away" in run.errors


@pytest.mark.parametrize("form", ["jsonl", "npz"])
def test_a_name_of_the_greatest_length_does_not_end_the_run(
    search: Any, tmp_path: Path, form: str
) -> None:
    longest = tmp_path / ("n" * 255)  # with the suffix of a drawing it would be too long
    save(tmp_path / "short.png").rename(longest)
    again = save(tmp_path / "other" / ("n" * 251 + ".png"))
    after = save(tmp_path / "z.png")
    out = tmp_path / "out"
    run = search(longest, again, after, "-o", out, "--draw", 1, "--format", form)
    assert run.code == 0 and "3 of 3 pictures have boxes" in run.errors
    assert {path.stem[-2:] for path in out.glob("*.jpg")} == {"nn", "-2", "z"}
