"""File names: the home folder, and the names of files that are named after pictures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.files.names import expand_home, unique_stem


@given(st.lists(st.integers(0, 3), max_size=6), st.sampled_from(["a", "猫", "\udcff"]))
def test_stems_differ_and_leave_room_for_a_suffix(folders: list[int], letter: str) -> None:
    stems: list[str] = []
    for folder in folders:
        stems.append(unique_stem(f"{folder}/{letter * 250}.png", stems))
    assert len(set(stems)) == len(folders)
    assert all(len(os.fsencode(f"{stem}-100.labels.json")) <= 255 for stem in stems)


def test_short_names_are_numbered_but_not_changed() -> None:
    stems: list[str] = []
    for name in ("a/street.jpg", "b/street.png", "street-2.jpg", "c/street"):
        stems.append(unique_stem(name, stems))
    assert stems == ["street", "street-2", "street-2-2", "street-3"]


def test_the_home_folder_stands_for_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~backup").touch()
    for name, expected in (
        ("~", "/home/somebody"),
        ("~/x.json", "/home/somebody/x.json"),
        ("~backup", "~backup"),  # a file that is there
        ("~no-such-user/x", "~no-such-user/x"),
        ("a/~/x", "a/~/x"),
    ):
        assert expand_home(name) == expected
    (tmp_path / "~").mkdir()
    assert expand_home("~") == "~"
