"""Bad inputs: the right figure or one clear line, in Python and on the command line."""

from __future__ import annotations

import contextlib
import copy
import io
import itertools
import os
import re
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from detector import cli
from eval import EvaluationError, evaluate, read_dataset
from eval.checking import Finding, check
from eval.protocols.options import in_force
from eval.reading import read_detections
from tests.eval.bad_inputs import (
    PROTOCOLS,
    RESULTS,
    TABLE,
    TRUTH,
    Case,
    Inputs,
    all_cases,
    files,
    run,
    table,
)

CASES = [case for _, cases in all_cases() for case in cases]


def named(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", CASES, ids=named)
def test_outcome(tmp_path: Path, case: Case) -> None:
    if isinstance(case.outcome, str):
        for protocol in PROTOCOLS:
            message = run(case, tmp_path, protocol)
            assert isinstance(message, str), message.map
            assert case.outcome in message and len(message.splitlines()) == 1
        return
    for protocol, expected in case.outcome.items():
        report = run(case, tmp_path, protocol)
        assert not isinstance(report, str), report
        assert report.map == pytest.approx(expected, abs=1e-12, nan_ok=True), protocol
        own = case.coco_notes if protocol == "coco" else case.other_notes
        parts, message = (*case.notes, *own), (*report.notes, *report.quirks)
        assert len(parts) == len(message), message
        for part in parts:
            assert any(part in sentence for sentence in message), (part, message)


@pytest.mark.parametrize("case", CASES, ids=named)
def test_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: Case
) -> None:
    try:
        truth, detections, options, reading = case.make(tmp_path)
    except EvaluationError:
        return
    is_plain = not options and reading in (
        {},
        {"split": "test"},
    )
    if not is_plain or not isinstance(truth, Path) or not isinstance(detections, Path):
        return
    if not (truth.exists() and detections.exists()):
        return  # the command line looks for files before it imports the evaluator
    protocol = PROTOCOLS[0] if isinstance(case.outcome, str) else next(iter(case.outcome))
    words = ["--data", str(truth), "--detections", str(detections), "--protocol", protocol]
    code = cli.main(["evaluate", *words])
    out, err = capsys.readouterr()
    if isinstance(case.outcome, str):
        assert code == 1 and out == ""
        message = err.replace(f"{tmp_path}/", "")
        assert (
            case.outcome in message and message.startswith("detect: ") and message.count("\n") == 1
        )
    else:
        figure = case.outcome[protocol]
        shown = "–" if figure != figure else f"{figure:.3f}"
        lines = [line.split() for line in out.splitlines()]
        assert code == 0 and (["AP", shown] in lines or ["mAP", shown] in lines)
        assert err == ""


@pytest.mark.parametrize("case", [case for case in CASES if case.pycocotools], ids=named)
def test_what_pycocotools_does(tmp_path: Path, case: Case) -> None:
    try:
        inputs = case.make(tmp_path)
    except EvaluationError:  # an option that is refused here
        return
    figure = re.search(r"-?\d\.\d{3}", case.pycocotools)
    if figure is None:
        assert case.pycocotools.startswith("stops with an error")
        with pytest.raises(Exception):  # noqa: B017
            pycocotools_precision(inputs)
    else:
        assert f"{pycocotools_precision(inputs):.3f}" == figure[0]


def pycocotools_precision(inputs: Inputs) -> float:
    """AP of the official program from the same two files."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        truth = COCO(str(inputs.truth))
        reference = COCOeval(truth, truth.loadRes(str(inputs.detections)), "bbox")
        options = inputs.options.get("options")
        if options is not None:
            options = in_force(options)
            reference.params.maxDets = list(options.max_detections)
            reference.params.iouThrs = options.iou_thresholds
        reference.evaluate()
        reference.accumulate()
        reference.summarize()
    return float(reference.stats[0])


ODD = st.sampled_from(
    [None, True, 0, -1, 1, 1.0, 1.5, -0.0, 2**53 + 1, 2**63, -(2**63), 1e308, -1e308, 1e-320, "",
     "1", "--1", "a\nb", "\0", "1.jpg", "cat", [], [1], [1, 2, 3, 4], [1e308] * 4, [5, 5, -5, -5],
     [[1, 2], [3, 4]], {}, {"id": 1}]
)  # fmt: skip


@settings(deadline=None, max_examples=150, phases=[Phase.explicit, Phase.generate])
@given(data=st.data())
def test_any_value_anywhere(data: st.DataObject) -> None:
    """A one-line error or figures, equal from files and objects; the linter agrees."""
    named_lists = {**TRUTH, "annotations": RESULTS}
    results = data.draw(st.sampled_from([RESULTS, named_lists]))
    documents: list[Any] = [copy.deepcopy(TRUTH), copy.deepcopy(results)]
    for _ in range(data.draw(st.integers(1, 3))):
        document = documents[data.draw(st.integers(0, 1))]
        *way, last = data.draw(st.sampled_from(list(places(document))))
        for step in way:
            document = document[step]
        document[last] = copy.deepcopy(data.draw(ODD))
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("error")
        truth, results, _, _ = files(Path(folder), *documents)
        dataset = outcome(lambda: read_dataset(truth))
        assert isinstance(dataset, str) == has_errors(check(truth))
        if isinstance(dataset, str):
            return
        table = outcome(lambda: read_detections(results, dataset))
        assert isinstance(table, str) == has_errors(check(results, dataset))
        for protocol, official in itertools.product(PROTOCOLS, (False, True)):
            figures = [
                outcome(lambda: evaluate(found, dataset, protocol, official=official).stats)  # noqa: B023
                for found in (results, documents[1])
            ]
            if not isinstance(figures[1], str):
                np.testing.assert_equal(figures[0], figures[1])
            assert isinstance(figures[0], str) == isinstance(figures[1], str)


def outcome(call: Callable[[], Any]) -> Any:
    """The result, or the text of the error, which is one line."""
    try:
        return call()
    except EvaluationError as error:
        assert len(str(error).splitlines()) == 1
        return str(error)


def has_errors(findings: list[Finding]) -> bool:
    return any(finding.severity == "error" for finding in findings)


def places(document: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The keys that lead to each value."""
    if way:
        yield way
    if isinstance(document, (dict, list)):
        for step in document if isinstance(document, dict) else range(len(document)):
            yield from places(document[step], (*way, step))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("name", ["truth.json", "results.json"])
def test_a_file_that_may_not_be_read(tmp_path: Path, name: str) -> None:
    truth, results, _, _ = files(tmp_path)
    (tmp_path / name).chmod(0)
    with pytest.raises(EvaluationError, match=f"{name}: cannot be read"):
        evaluate(results, read_dataset(truth))


def test_names_are_unique_and_many() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) > 100


def test_the_table_in_the_docs_is_of_these_cases() -> None:
    assert TABLE.read_text(encoding="utf-8") == table(), "python -m tests.eval.bad_inputs"
