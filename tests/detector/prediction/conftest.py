"""Fixtures of the tests of `detect PICTURE ...` that need no network."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.detector.prediction.fixed_detector import FixedRuns


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FixedRuns:
    """Runs `detect PICTURE ...` in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return FixedRuns(monkeypatch)
