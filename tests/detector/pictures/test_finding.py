"""The picture files that the arguments of a command line name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from detector.errors import DetectorError
from detector.pictures.finding import find_images, find_photographs


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_pictures_in_folders_patterns_and_names(tmp_path: Path) -> None:
    touch(tmp_path, "p/a10.jpg", "p/a2.JPG", "p/sub/b.png", "p/notes.txt", "p/.hidden.jpg")
    touch(tmp_path, "p/.git/c.jpg", "one[1].jpg", "strange")
    folder = tmp_path / "p"
    inside = [folder / "a2.JPG", folder / "a10.jpg", folder / "sub" / "b.png"]
    assert find_images([folder]) == inside
    assert find_images([str(folder / "*")]) == inside[:2]
    assert find_images([folder / "**" / "*.png"]) == inside[2:]
    assert find_images([tmp_path / "one[1].jpg"]) == [tmp_path / "one[1].jpg"]
    words = [tmp_path / "strange", tmp_path / "missing.jpg"]
    assert find_images([*words, folder, inside[0], folder / "sub" / ".." / "a2.JPG"]) == [
        *words,
        *inside,
    ]


@pytest.mark.parametrize("pattern", ["**/*.jpg", "**", "./**/*.jpg", "../p/**"])
def test_links_do_not_lead_a_pattern_in_circles(
    pattern: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "p/cat.jpg", "p/sub[1]/cat.jpg", "p/.git/cat.jpg", "else/dog.jpg")
    for name, target in (("a", "."), ("b", "."), ("sub[1]/c", ".."), ("z", "../else")):
        (tmp_path / "p" / name).symlink_to(target)
    monkeypatch.chdir(tmp_path / "p")
    found = find_images([pattern])
    start = Path("../p" if pattern.startswith("..") else "")
    assert found == [start / name for name in ("cat.jpg", "sub[1]/cat.jpg", "z/dog.jpg")]


def test_every_named_link_is_listed(tmp_path: Path) -> None:
    touch(tmp_path, "cat.jpg")
    (tmp_path / "link.jpg").symlink_to("cat.jpg")
    names = [tmp_path / "link.jpg", tmp_path / "cat.jpg"]
    assert find_images(names) == names


def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path: Path) -> None:
    touch(tmp_path, "cat.jpg")
    (tmp_path / "gone.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    assert find_photographs([tmp_path]).paths == [tmp_path / "cat.jpg", tmp_path / "gone.jpg"]


def test_arguments_without_any_picture(tmp_path: Path) -> None:
    touch(tmp_path, "notes.txt")
    cases: list[list[Any]] = [
        [],
        [tmp_path],
        [tmp_path / "*.jpg"],
        [tmp_path, str(tmp_path / "*.png")],
    ]
    for patterns in cases:
        with pytest.raises(DetectorError, match="no pictures in"):
            find_images(patterns)
    # beside a match, the empty folder stays: reading it fails under its name
    assert find_images([tmp_path, tmp_path / "x.jpg"]) == [tmp_path, tmp_path / "x.jpg"]


def test_digits_of_other_scripts_are_letters(tmp_path: Path) -> None:
    touch(tmp_path, "1２.jpg", "10.jpg", "9.jpg", "1.jpg")
    names = [path.name for path in find_images([tmp_path])]
    assert names == ["1.jpg", "1２.jpg", "9.jpg", "10.jpg"]


def test_a_name_that_begins_with_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    touch(tmp_path, "~backup.jpg", "home/cat.jpg", "~/dog.jpg")
    assert find_images(["~backup.jpg"]) == [Path("~backup.jpg")]
    assert find_images(["~no such user/cat.jpg"]) == [Path("~no such user/cat.jpg")]
    assert find_images(["~/*.jpg"]) == [tmp_path / "home" / "cat.jpg"]
    assert find_images(["~/dog.jpg"]) == [Path("~/dog.jpg")]


@pytest.mark.parametrize("odd", ["n" * 300 + ".jpg", "circle.jpg", "\0.jpg"])
def test_an_odd_name_does_not_end_the_run_of_the_others(odd: str, tmp_path: Path) -> None:
    touch(tmp_path, "cat.jpg")
    (tmp_path / "circle.jpg").symlink_to("circle.jpg")
    words = [tmp_path / odd, tmp_path / "cat.jpg"]
    assert find_images(words) == words
    assert find_photographs(words).paths == words


def test_heic_files_count_if_they_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    touch(tmp_path, "1.heic", "2.HEIF", "3.jpg", "4.nef")
    for installed, names, skipped in (
        (None, ["3.jpg"], {".heic": 1, ".heif": 1, ".nef": 1}),
        ("there", ["1.heic", "2.HEIF", "3.jpg"], {".nef": 1}),
    ):
        monkeypatch.setattr("detector.pictures.finding.find_spec", lambda _, spec=installed: spec)
        assert [path.name for path in find_images([tmp_path])] == names
        found = find_photographs([tmp_path])
        assert [path.name for path in found.paths] == names and found.skipped == skipped
    # a file that is named itself is kept
    assert find_photographs([tmp_path / "4.nef"]) == ([tmp_path / "4.nef"], {})
