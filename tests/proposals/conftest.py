"""What several test files share: a cache of proposals, and a search that is quick."""

import pytest

from proposals import ProposalCache, cache, selective_search


@pytest.fixture
def store(tmp_path) -> ProposalCache:
    return ProposalCache(tmp_path / "cache")


@pytest.fixture
def calls(monkeypatch) -> list:
    """Selective search answers from memory and notes that it was called."""
    answers, noted = {}, []

    def remembered(image, **options):
        noted.append(options)
        options.pop("threads", None)
        key = (image.tobytes(), image.shape, repr(sorted(options.items())))
        if key not in answers:
            answers[key] = selective_search(image, **options)
        return answers[key]

    monkeypatch.setattr(cache, "selective_search", remembered)
    return noted
