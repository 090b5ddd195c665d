"""The picture files that the arguments of a command line name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from detector.errors import DetectorError
from detector.pictures.finding import find_images


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
