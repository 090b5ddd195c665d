"""Fixtures of several test files: a proposal cache, and a quick stand-in for the search."""

import pytest

from proposals import ProposalCache, cache, selective_search


@pytest.fixture
def store(tmp_path) -> ProposalCache:
    return ProposalCache(tmp_path / "cache")


@pytest.fixture
def calls(monkeypatch) -> list:
    """Replace the cache's selective search by one that remembers results; lists its calls."""
    results, noted = {}, []

    def remembered(image, **options):
        noted.append(options)
        options.pop("threads", None)
        key = (image.tobytes(), image.shape, repr(sorted(options.items())))
        if key not in results:
            results[key] = selective_search(image, **options)
        return results[key]

    monkeypatch.setattr(cache, "selective_search", remembered)
    return noted
