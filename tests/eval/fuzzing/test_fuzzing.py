"""Every reader against changed files: bytes flipped, fields dropped, types exchanged, cut short.

Each input is made from its name and number alone, so that a failure can be repeated:

    FUZZ_CASE=coco:17 python -m pytest tests/eval/fuzzing

FUZZ_MINUTES=10 takes further inputs of all formats in turn, from FUZZ_FIRST on, for that time.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from random import Random

import pytest

from tests.eval.fuzzing import examples, file_changes, record_changes
from tests.eval.fuzzing.outcomes import TARGETS, UNDEMANDING, command, judge, within_bounds
from tests.eval.fuzzing.tool_examples import tool_truths

TRUTHS, RESULTS = {**examples.truths(), **tool_truths()}, examples.results()
ALL = [*TRUTHS.values(), *RESULTS.values()]
OTHERS = {"ilsvrc_submission": examples.ilsvrc_submission(), **RESULTS}
NAMES = (*TRUTHS, *RESULTS, "dictionary", "records")
USUAL = 80  # inputs of each format
CASE = os.environ.get("FUZZ_CASE", "")
MINUTES = float(os.environ.get("FUZZ_MINUTES", "0"))
FIRST = int(os.environ.get("FUZZ_FIRST", USUAL))


def run(name: str, number: int, folder: Path) -> str:
    """Make one input and judge it; returns "read" or "refused"."""
    random = Random(f"{name}:{number}")
    if name == "dictionary":
        return _in_memory(random, folder, truth=True)
    if name == "records":
        return _in_memory(random, folder, truth=False)
    truth_name, results_name = name, examples.results_for(name)
    if name in RESULTS:
        truth_name, results_name = examples.truth_for(name), name
    truth, results = TRUTHS[truth_name], OTHERS[results_name]
    if name in TRUTHS or random.random() < 0.03:
        truth = file_changes.changed(random, truth, ALL)
    if name in RESULTS or random.random() < 0.03:
        results = file_changes.changed(random, results, ALL)
    where, found = folder / "truth", folder / "found"
    truth_path, results_path = file_changes.write(truth, where), file_changes.write(results, found)
    if random.random() < 0.06:
        file_changes.entangle(random, where if name in TRUTHS else found)
    files = {**truth.files, **results.files}
    names = ("truth", "found", *(part for one in files for part in one.split("/")))
    with within_bounds(sum(map(len, files.values()))):
        return judge(random, truth_path, results_path, names, folder)


def warm_up(folder: Path) -> None:
    """Run every command once on examples that are not changed."""
    truth = file_changes.write(TRUTHS["coco"], folder / "truth")
    found = file_changes.write(RESULTS["results"], folder / "found")
    for protocol in UNDEMANDING:
        out = folder / f"report_{protocol}"
        words = ["evaluate", "--data", truth, "--detections", found, "--report", out]
        assert command([*words, "--protocol", protocol]) == 0
    for target in TARGETS:
        words = ["convert", truth, "--to", target, "-o", folder / target, "--no-images"]
        assert command(words) == 0


def _in_memory(random: Random, folder: Path, *, truth: bool) -> str:
    """The same for documents that a Python program gives."""
    document, records = examples.coco_truth(), examples.coco_results()
    for _ in range(random.choice((1, 1, 2, 3))):
        if truth:
            document = record_changes.changed(random, document, objects=True)
        else:
            records = record_changes.changed(random, records, objects=True)
    size = len(json.dumps(document, default=str)) + len(json.dumps(records, default=str))
    with within_bounds(size):
        return judge(random, document, records, ("the dictionary", "detections"), folder)


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Libraries are imported and kernels compiled before the memory of an input is measured."""
    warm_up(tmp_path_factory.mktemp("warm"))


@pytest.mark.usefixtures("warm")
@pytest.mark.parametrize("name", NAMES)
def test_changed_inputs_give_figures_or_one_line(name: str, tmp_path: Path) -> None:
    outcomes = {_run_in(tmp_path, name, number) for number in range(USUAL)}
    assert outcomes == {"read", "refused"}


@pytest.mark.usefixtures("warm")
@pytest.mark.skipif(not MINUTES, reason="takes as long as one wants")
def test_further_inputs(tmp_path: Path) -> None:
    number, end = FIRST, time.monotonic() + 60 * MINUTES
    while time.monotonic() < end:
        for name in NAMES:
            _run_in(tmp_path, name, number)
        number += 1


def _run_in(parent: Path, name: str, number: int) -> str:
    """Run in a new folder, which remains if the input fails."""
    folder = parent / f"{name}_{number}"
    folder.mkdir()
    try:
        found = run(name, number, folder)
    except BaseException as error:
        error.add_note(f"repeat it with FUZZ_CASE={name}:{number}")
        raise
    shutil.rmtree(folder)
    return found


@pytest.mark.usefixtures("warm")
@pytest.mark.skipif(not CASE, reason="names no single input")
def test_one_input(tmp_path: Path) -> None:
    name, _, number = CASE.partition(":")
    run(name, int(number), tmp_path)
