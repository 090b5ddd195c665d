"""`detect cache` shows and empties the cache; `detect train --no-cache` does not use it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from proposals import ProposalCache
from tests.detector.command import detect

IMAGE = np.full((30, 40, 3), 90, np.uint8)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProposalCache:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return ProposalCache()


def test_an_empty_store(store: ProposalCache) -> None:
    run = detect("cache")
    assert (run.code, run.errors) == (0, "")
    assert run.out.split("\n")[0].split() == ["folder:", str(store.folder)]
    assert "0 entries, 0.0 MB" in run.out
    assert not store.folder.exists()


def test_entries_are_counted_and_deleted(store: ProposalCache) -> None:
    store.get_or_compute(IMAGE, seed=1)
    store.get_or_compute(IMAGE, seed=2)
    assert "holds:    2 entries" in detect("cache").out
    run = detect("cache", "--clear")
    assert run.code == 0
    assert "deleted:  2 entries" in run.out
    assert "holds:    0 entries" in run.out
    assert store.size().entries == 0


@pytest.mark.parametrize(("words", "expected"), [([], True), (["--no-cache"], False)])
def test_train_uses_the_cache_unless_no_cache_is_given(
    words: list[str],
    expected: bool,
    small_dataset: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import detector.training.run

    given: dict[str, Any] = {}
    monkeypatch.setattr(detector.training.run, "train", lambda *_, **options: given.update(options))
    assert detect("train", "--data", small_dataset, "-o", tmp_path / "run", *words).code == 0
    assert (given["cache"] is not None) is expected
