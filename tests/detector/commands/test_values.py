"""The types of option values."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from detector.commands.parser import parse
from detector.commands.shared import values

DIGITS = ("４", "٤", "1_0", "0x4", "four", "")  # int() takes the first three
PATHS = ("data", "detections", "report", "output", "save", "weights", "images")


@pytest.mark.parametrize("kind", [values.integer, values.number, values.count, values.amount])
def test_numbers_have_ascii_digits(kind: Callable[[str], float]) -> None:
    assert kind("4") == kind("+4") == 4
    for text in (*DIGITS, "nan", "inf"):
        with pytest.raises(argparse.ArgumentTypeError, match=" is not a"):
            kind(text)


@pytest.mark.parametrize("text", ["0", "1", ".4", "0.4", "4e-1", "1.0"])
def test_fractions(text: str) -> None:
    assert values.fraction(text) == float(text)


@pytest.mark.parametrize("text", ["1.1", "-0.1", "０.４", "0,4", "nan", "1_0e-2"])
def test_anything_else_is_no_fraction(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is not between 0 and 1"):
        values.fraction(text)


@pytest.mark.parametrize("joint", [" ", "="])
def test_a_tilde_means_the_home_folder_wherever_the_shell_leaves_it(
    joint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "x").mkdir()
    words = [f"--{name}{joint}~/x" for name in PATHS if name != "save"]
    arguments = parse(["evaluate", "--save=~/new.json", *" ".join(words).split()])
    for name in PATHS:
        value: Any = getattr(arguments, name)
        expected = tmp_path / "home" / ("new.json" if name == "save" else "x")
        assert value == ([expected] if name == "detections" else expected), name


def test_a_file_whose_name_begins_with_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "~x").touch()
    assert values.existing("~x") == values.output_file("~x") == Path("~x")
    assert values.output_folder("~new") == Path("~new")


@pytest.mark.parametrize(
    "kind", [values.existing, values.folder, values.output_file, values.output_folder]
)
def test_a_link_to_itself_and_a_long_name_are_refused(
    kind: Callable[[str], Path], tmp_path: Path
) -> None:
    (tmp_path / "loop").symlink_to("loop")
    for name in ("loop", "loop/below", "n" * 300):
        with pytest.raises(argparse.ArgumentTypeError) as caught:
            kind(str(tmp_path / name))
        assert str(caught.value).startswith(str(tmp_path / name))


@pytest.mark.parametrize("text", ["cpu", "cuda", "cuda:1"])
def test_devices(text: str) -> None:
    assert values.device(text) == text


@pytest.mark.parametrize(
    "text", ["gpu", "CUDA", "cuda:", "cuda:-1", "cuda:１", "meta", "cuda1", ""]
)
def test_other_devices_are_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="is no device; use cpu"):
        values.device(text)


def test_the_gpu_of_an_apple_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values.sys, "platform", "linux")
    with pytest.raises(argparse.ArgumentTypeError, match="an Apple computer, which this is not"):
        values.device("mps")
    monkeypatch.setattr(values.sys, "platform", "darwin")
    assert values.device("mps") == "mps"
