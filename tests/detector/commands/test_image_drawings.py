"""Where `detect` draws, and what it never overwrites."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.detector.command import detect, save


def test_equal_names_from_two_folders_are_both_kept(small_weights: Path, tmp_path: Path) -> None:
    pictures = [save(tmp_path / part / "street.png", k) for k, part in enumerate("ab")]
    out = tmp_path / "out"
    run = detect("--weights", small_weights, "-o", out, *pictures, json_at=out / "detections.json")
    assert run.code == 0 and len(run.found["images"]) == 2
    assert {path.name for path in out.glob("*.jpg")} == {"street.jpg", "street-2.jpg"}


@pytest.mark.parametrize("words", [["a.jpg"], ["a.png", "a.jpg"], ["."]])
def test_a_photograph_is_never_overwritten(
    words: list[str], small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pictures = [save(tmp_path / name, k) for k, name in enumerate(("a.png", "a.jpg", "b.jpg"))]
    before = [picture.read_bytes() for picture in pictures]
    run = detect("--weights", small_weights, "-o", tmp_path, *words)
    assert run.code == 1 and "a.jpg: lies in the output folder" in run.errors
    assert len(run.errors.splitlines()) == 1 and "--output" in run.errors
    assert [picture.read_bytes() for picture in pictures] == before


@pytest.mark.parametrize("word", ["ph/dog.png", "in/dog.jpg", "other/dog.png", "in"])
def test_another_photograph_of_the_same_name_is_not_overwritten(
    word: str, small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    photograph = save(Path("ph/dog.jpg"), 1)
    for other in ("ph/dog.png", "other/dog.png"):
        save(Path(other), 2)
    Path("in").mkdir()
    Path("in/dog.jpg").symlink_to("../ph/dog.jpg")
    before = photograph.read_bytes()
    run = detect("--weights", small_weights, "-o", "ph", word)
    assert run.code == 1 and len(run.errors.splitlines()) == 1
    itself = word.startswith("in")
    message = "lies in the output folder" if itself else "was not drawn by `detect`"
    assert f"detect: ph/dog.jpg: {message} and would be overwritten" in run.errors
    assert photograph.read_bytes() == before and not Path("ph/detections.json").exists()


def test_drawings_beside_their_photographs_are_overwritten(
    small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    pictures = [save(Path(name), k) for k, name in enumerate(("ph/dog.png", "else/dog.png"))]
    for threshold in (0.9, 0):
        run = detect("--weights", small_weights, "-o", "ph", "--threshold", threshold, *pictures)
        assert run.code == 0 and "2 of 2 pictures" in run.errors
        drawn = [Path("ph/dog.jpg").read_bytes(), Path("ph/dog-2.jpg").read_bytes()]
        save(Path("ph/dog-2.jpg"))
        run = detect("--weights", small_weights, "-o", "ph", *pictures)
        assert run.code == 1 and len(run.errors.splitlines()) == 1
        assert "ph/dog-2.jpg: was not drawn by `detect`" in run.errors
        Path("ph/dog-2.jpg").write_bytes(drawn[1])


def test_a_second_run_does_not_detect_in_drawings(
    small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "street.png")
    for word in (".", ".", "**/*.*g"):
        run = detect("--weights", small_weights, word, json_at=Path("detections/detections.json"))
        assert run.code == 0
        assert [image["file_name"] for image in run.found["images"]] == ["street.png"]
    assert set(os.listdir("detections")) == {"street.jpg", "detections.json"}
    for words in (["detections"], ["-o", "out", "detections"], ["-o", "out", "detec*/*.jpg"]):
        alone = detect("--weights", small_weights, *words)
        assert alone.code == 1 and "were written by `detect`" in alone.errors
        assert len(alone.errors.splitlines()) == 1 and not Path("out").exists()
    Path("link").symlink_to("detections")
    linked = detect("--weights", small_weights, "link/street.jpg")
    assert linked.code == 1 and "detections/street.jpg: lies in the output" in linked.errors
    # a drawing that is named itself is a picture like any other
    assert detect("--weights", small_weights, "-o", "out", "detections/street.jpg").code == 0
    moved = Path("detections").rename("album")
    run = detect("--weights", small_weights, ".", json_at=Path("detections/detections.json"))
    assert run.code == 0 and (moved / "street.jpg").exists()
    assert [image["file_name"] for image in run.found["images"]] == ["street.png"]


@pytest.mark.skipif(sys.platform != "linux", reason="file names are Unicode elsewhere")
def test_a_file_name_that_is_not_unicode_does_not_lose_the_results(
    small_weights: Path, tmp_path: Path
) -> None:
    picture = save(tmp_path / "plain.png")
    stray = picture.rename(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    out = tmp_path / "out"
    run = detect("--weights", small_weights, "-o", out, stray, json_at=out / "detections.json")
    assert run.code == 0 and run.found["images"][0]["file_name"].endswith("caf\\udce9.png")
