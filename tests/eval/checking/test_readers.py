"""The linter reports an error if and only if reading fails."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eval import EvaluationError, read_dataset
from eval.checking import check, linter
from eval.reading import read_detections
from tests.eval.checking.checked import ABSENT, RESULTS, TRUTH, changed, errors, saved
from tests.eval.made_formats import EXAMPLE, write, write_voc

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, 1, 7, 18, -1, 2**53 + 1, 2**63, 0.5, -0.5, 1e300, "7", "b", "cat", ""]),
    st.floats(),
    st.sampled_from([[], {}, [1, 2, 3], [1, 2, 3, 4], [1, 2, -3, 4], [1, 2, 3, 4, 5]]),
    st.lists(st.one_of(st.floats(), st.integers(-9, 99)), min_size=4, max_size=4),
    st.just(ABSENT),
)


def places(document: Any) -> list[tuple[str | int, ...]]:
    """Paths to everything in a document."""
    items = document.items() if isinstance(document, dict) else enumerate(document)
    found: list[tuple[str | int, ...]] = []
    for key, value in items:
        found.append((key,))
        if isinstance(value, dict | list):
            found += [(key, *rest) for rest in places(value)]
    return found


def mutated(document: Any) -> st.SearchStrategy[Any]:
    change = st.tuples(st.sampled_from(places(document)), VALUES)
    return st.lists(change, min_size=1, max_size=2).map(lambda chosen: _changed(document, chosen))


def _changed(document: Any, changes: list[tuple[tuple[str | int, ...], Any]]) -> Any:
    for change in changes:
        try:
            document = changed(document, change)
        except (KeyError, IndexError, TypeError):
            continue  # the first change removed the place of the second
    return document


def refuses(read: Callable[[], Any]) -> bool:
    try:
        read()
    except EvaluationError:
        return True
    return False


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Disable the call of the reader: the linter itself must find what readers refuse."""
    monkeypatch.setattr(linter, "_add_refusal", lambda read, findings: None)


@pytest.mark.usefixtures("alone")
@given(document=mutated(TRUTH))
@settings(max_examples=300, deadline=None)
def test_an_error_exactly_where_ground_truth_is_refused(document: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = saved(Path(folder), "truth.json", document)
        assert bool(errors(check(path))) == refuses(lambda: read_dataset(path))


@pytest.mark.usefixtures("alone")
@given(document=mutated(RESULTS))
@settings(max_examples=300, deadline=None)
def test_an_error_exactly_where_results_are_refused(document: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        truth = read_dataset(saved(Path(folder), "truth.json", TRUTH))
        path = saved(Path(folder), "results.json", document)
        assert bool(errors(check(path, truth))) == refuses(lambda: read_detections(path, truth))


@pytest.mark.usefixtures("alone")
@given(cut=st.integers(0, 400), which=st.sampled_from([TRUTH, RESULTS]))
@settings(max_examples=60, deadline=None)
def test_an_error_exactly_where_a_file_is_cut_short(cut: int, which: Any) -> None:
    text = json.dumps(which)
    with tempfile.TemporaryDirectory() as folder:
        truth = read_dataset(saved(Path(folder), "truth.json", TRUTH))
        path = saved(Path(folder), "cut.json", text[: len(text) - cut])
        if which is TRUTH:
            assert bool(errors(check(path))) == refuses(lambda: read_dataset(path))
        else:
            assert bool(errors(check(path, truth))) == refuses(lambda: read_detections(path, truth))


@given(
    text=st.sampled_from(["1", "x", "", "nan", "-5", "<a>", "</object>", "person", "1e3", "0"]),
    row=st.integers(0, 30),
)
@settings(max_examples=100, deadline=None)
def test_an_error_exactly_where_a_folder_is_refused(text: str, row: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = write_voc(Path(folder), EXAMPLE)
        path = root / "Annotations" / f"{EXAMPLE[0].stem}.xml"
        pieces = path.read_text().split(">")
        place = row % (len(pieces) - 1)
        pieces[place] = text + "<" + pieces[place].partition("<")[2]
        write(path, ">".join(pieces))
        assert bool(errors(check(root))) == refuses(lambda: read_dataset(root))
