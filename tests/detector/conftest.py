"""Fixtures of the tests of `detect propose`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.detector.command import SEARCH, Run, detect


@pytest.fixture
def proposal_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the proposal cache, empty at first."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "googlenet-rcnn" / "proposals"


@pytest.fixture
def search_recipe(tmp_path: Path) -> Path:
    """A recipe for small pictures; JSON is YAML too."""
    path = tmp_path / "small.yaml"
    path.write_text(json.dumps({"name": "small", "proposals": SEARCH}))
    return path


@pytest.fixture
def search(search_recipe: Path, proposal_cache: Path) -> Any:
    """Runs `detect propose --method selective_search` with that recipe."""

    def run(*words: object) -> Run:
        return detect("propose", "--method", "selective_search", "--recipe", search_recipe, *words)

    return run
