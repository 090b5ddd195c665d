"""Faults on standard error, and progress in a terminal and in a log file."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from detector import console
from detector.console import LINE_EVERY, notify_failure, track


def shown(
    monkeypatch: pytest.MonkeyPatch, seconds_each: float, total: int, done: int = 0, **options: Any
) -> str:
    """The progress of the items after `done`, each of which takes `seconds_each`."""
    now = [1000.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    out = io.StringIO()
    for _ in track(
        iter(range(done, total)), "detecting", total, done, Console(file=out, **options)
    ):
        now[0] += seconds_each
    return out.getvalue()


def test_a_log_file_gets_a_line_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, seconds_each=LINE_EVERY / 2, total=5).splitlines()
    assert lines == ["detecting 2/5, 0:01:30 left", "detecting 4/5, 0:00:30 left"]


def test_short_work_writes_nothing_into_a_log_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, seconds_each=LINE_EVERY / 8, total=7) == ""


def test_a_continued_run_estimates_from_its_own_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    first, *_ = shown(monkeypatch, seconds_each=LINE_EVERY, total=100, done=90).splitlines()
    assert first == "detecting 91/100, 0:09:00 left"


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    bar = shown(monkeypatch, seconds_each=1, total=3, force_terminal=True, width=100)
    assert "detecting" in bar and "3/3" in bar and "━" in bar


def test_one_item_needs_no_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, 2 * LINE_EVERY, total=9, done=8) == ""
    assert shown(monkeypatch, 2 * LINE_EVERY, total=1, force_terminal=True) == ""


@pytest.mark.parametrize(
    ("message", "line"),
    [("a.jpg: empty", "detect: a.jpg: empty\n"), ("empty", "detect: a.jpg: empty\n")],
)
def test_a_failure_names_its_picture_once(
    message: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    notify_failure("a.jpg", ValueError(message))
    assert capsys.readouterr().err == line
