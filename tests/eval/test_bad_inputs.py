"""Bad inputs: the right figure or one clear line, in Python and on the command line."""

from __future__ import annotations

import contextlib
import io
import os
import re
import warnings
from pathlib import Path

import pytest

from detector import cli
from eval import EvaluationError, evaluate, read_dataset
from tests.eval.bad_inputs import PROTOCOLS, TABLE, Case, Inputs, all_cases, files, run, table

CASES = [case for _, cases in all_cases() for case in cases]


def named(case: Case) -> str:
    return case.name


@pytest.mark.parametrize("case", CASES, ids=named)
def test_outcome(tmp_path: Path, case: Case) -> None:
    if isinstance(case.outcome, str):
        for protocol in PROTOCOLS:
            said = run(case, tmp_path, protocol)
            assert isinstance(said, str), said.map
            assert case.outcome in said and len(said.splitlines()) == 1
        return
    for protocol, expected in case.outcome.items():
        report = run(case, tmp_path, protocol)
        assert not isinstance(report, str), report
        assert report.map == pytest.approx(expected, abs=1e-12, nan_ok=True), protocol
        own = case.coco_notes if protocol == "coco" else case.other_notes
        parts, said = (*case.notes, *own), (*report.notes, *report.quirks)
        assert len(parts) == len(said), said
        for part in parts:
            assert any(part in sentence for sentence in said), (part, said)


@pytest.mark.parametrize("case", CASES, ids=named)
def test_on_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: Case
) -> None:
    try:
        truth, detections, options, reading = case.make(tmp_path)
    except EvaluationError:
        return
    is_plain = not options and reading in ({}, {"split": "test"})  # which it reads, too
    if not is_plain or not isinstance(truth, Path) or not isinstance(detections, Path):
        return
    protocol = PROTOCOLS[0] if isinstance(case.outcome, str) else next(iter(case.outcome))
    words = ["--data", str(truth), "--detections", str(detections), "--protocol", protocol]
    code = cli.main(["evaluate", *words])
    out, err = capsys.readouterr()
    if isinstance(case.outcome, str):
        assert code == 1 and out == ""
        said = err.replace(f"{tmp_path}/", "")
        assert case.outcome in said and said.startswith("detect: ") and said.count("\n") == 1
    else:
        figure = case.outcome[protocol]
        shown = "-" if figure != figure else f"{figure:.4f}"
        lines = [line.split() for line in out.splitlines()]
        assert code == 0 and (["AP", shown] in lines or ["mAP", shown] in lines)
        assert err == ""


@pytest.mark.parametrize("case", [case for case in CASES if case.pycocotools], ids=named)
def test_what_pycocotools_does(tmp_path: Path, case: Case) -> None:
    try:
        inputs = case.make(tmp_path)
    except EvaluationError:  # an option that is refused here
        return
    figure = re.search(r"-?\d\.\d{4}", case.pycocotools)
    if figure is None:
        assert case.pycocotools.startswith("stops with an error")
        with pytest.raises(Exception):  # noqa: B017
            pycocotools_precision(inputs)
    else:
        assert f"{pycocotools_precision(inputs):.4f}" == figure[0]


def pycocotools_precision(inputs: Inputs) -> float:
    """AP of the official program from the same two files."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        truth = COCO(str(inputs.truth))
        judge = COCOeval(truth, truth.loadRes(str(inputs.detections)), "bbox")
        options = inputs.options.get("options")
        if options is not None:
            judge.params.maxDets = list(options.max_detections)
            judge.params.iouThrs = options.iou_thresholds
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return float(judge.stats[0])


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
