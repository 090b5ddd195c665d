"""What long commands tell in a terminal and in a log file."""

import io

from rich.console import Console

from detector import progress
from detector.progress import LINE_EVERY, track


def told(monkeypatch, seconds_each, total, done=0, **console):
    """What iterating over the items after `done` writes, when each takes so long."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    out = Console(file=io.StringIO(), **console)
    for _ in track(iter(range(done, total)), "detecting", total, done, out):
        now[0] += seconds_each
    return out.file.getvalue()


def test_a_log_file_gets_a_line_a_minute(monkeypatch):
    lines = told(monkeypatch, seconds_each=LINE_EVERY / 2, total=5).splitlines()
    assert lines == ["detecting 2/5, still 0:01:30", "detecting 4/5, still 0:00:30"]


def test_a_log_file_is_told_nothing_of_short_work(monkeypatch):
    assert told(monkeypatch, seconds_each=LINE_EVERY / 8, total=7) == ""


def test_what_remains_is_reckoned_from_where_a_run_goes_on(monkeypatch):
    first, *_ = told(monkeypatch, seconds_each=LINE_EVERY, total=100, done=90).splitlines()
    assert first == "detecting 91/100, still 0:09:00"


def test_a_terminal_gets_a_bar(monkeypatch):
    shown = told(monkeypatch, seconds_each=1, total=3, force_terminal=True, width=100)
    assert "detecting" in shown and "3/3" in shown and "━" in shown


def test_one_item_needs_no_progress(monkeypatch):
    assert told(monkeypatch, 2 * LINE_EVERY, total=9, done=8) == ""
    assert told(monkeypatch, 2 * LINE_EVERY, total=1, force_terminal=True) == ""
