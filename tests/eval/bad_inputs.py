"""Bad inputs: every case with its outcome, and the table docs/bad_input.md.

`python -m tests.eval.bad_inputs` writes the table; test_bad_inputs.py compares both with the
program. The cases are in bad_cases/.

All cases change one small problem whose figures were worked out by hand. There are three cats: the
first and the third best detection match one each, the second is false. The only dog is matched. All
boxes fit exactly.

cat  precision 1 up to recall 1/3, 2/3 up to recall 2/3
     area 1/3 + 2/9 = 5/9; of 11 points 4 and 3, of 101 points 34 and 33
dog  1
"""

from __future__ import annotations

import copy
import json
import re
import tempfile
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from eval import EvaluationError, Report, evaluate, read_dataset
from eval.wording import fraction

TABLE = Path(__file__).resolve().parents[2] / "docs" / "bad_input.md"
BROKEN = "cut short|not YAML|the image cannot be read"
PROTOCOLS = ("coco", "voc", "voc2007", "ilsvrc")
CATS = ([10, 10, 100, 100], [200, 10, 100, 100], [300, 200, 100, 100])
DOG = [180, 160, 200, 100]
TRUTH: dict[str, Any] = {
    "images": [
        {"id": 1, "file_name": "1.jpg", "width": 320, "height": 120},
        {"id": 2, "file_name": "2.jpg", "width": 400, "height": 300},
    ],
    "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "bbox": CATS[0], "area": 10000, "iscrowd": 0},
        {"id": 2, "image_id": 1, "category_id": 1, "bbox": CATS[1], "area": 10000, "iscrowd": 0},
        {"id": 3, "image_id": 2, "category_id": 2, "bbox": DOG, "area": 20000, "iscrowd": 0},
        {"id": 4, "image_id": 2, "category_id": 1, "bbox": CATS[2], "area": 10000, "iscrowd": 0},
    ],
}
RESULTS: list[dict[str, Any]] = [
    {"image_id": 1, "category_id": 1, "bbox": CATS[0], "score": 0.9},
    {"image_id": 2, "category_id": 1, "bbox": [0, 0, 50, 50], "score": 0.8},
    {"image_id": 1, "category_id": 1, "bbox": CATS[1], "score": 0.7},
    {"image_id": 2, "category_id": 2, "bbox": DOG, "score": 0.6},
]


def figures(cat: tuple[float, float, float], dog: float = 1.0) -> dict[str, float]:
    """mAP by protocol from the cats' AP by 101 points, by area and by 11 points."""
    means = [(value + dog) / 2 for value in cat]
    return dict(zip(PROTOCOLS, (*means, means[1]), strict=True))


RIGHT = figures(((34 + 33 * 2 / 3) / 101, 5 / 9, (4 + 3 * 2 / 3) / 11))
NOTHING = figures((0, 0, 0), 0)


class Inputs(NamedTuple):
    """The arguments: ground truth and detections, each a path or an object, and the options."""

    truth: Any
    detections: Any
    options: dict[str, Any] = {}  # noqa: RUF012
    reading: dict[str, Any] = {}  # noqa: RUF012


class Case(NamedTuple):
    """One bad input and its expected outcome.

    `outcome` is mAP by protocol, or a part of the one-line error. The notes are parts of the
    expected ones: under every protocol, only under COCO, only under the others.
    """

    name: str
    make: Callable[[Path], Inputs]
    outcome: Mapping[str, float] | str
    notes: tuple[str, ...] = ()
    coco_notes: tuple[str, ...] = ()
    other_notes: tuple[str, ...] = ()
    pycocotools: str = ""


def run(case: Case, folder: Path, protocol: str) -> Report | str:
    """The report, or the text of the error; a warning of NumPy counts as a failure."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            truth, detections, options, reading = case.make(folder)
            dataset = read_dataset(truth, **reading)
            return evaluate(detections, dataset, **{"protocol": protocol, **options})
        except EvaluationError as error:
            return str(error).replace(f"{folder}/", "").replace(str(folder), "FOLDER")


def files(folder: Path, truth: Any = TRUTH, results: Any = RESULTS, **others: Any) -> Inputs:
    """Both as files: documents are written as JSON, bytes unchanged."""
    paths = folder / "truth.json", folder / "results.json"
    for path, content in zip(paths, (truth, results), strict=True):
        is_raw = isinstance(content, bytes)
        path.write_bytes(content if is_raw else json.dumps(content).encode())
    return Inputs(*paths, **others)


def truth_with(change: Callable[[Any], Any]) -> Callable[[Path], Inputs]:
    """The problem after a change to its ground truth."""
    return lambda folder: files(folder, truth=_changed(TRUTH, change))


def results_with(change: Callable[[Any], Any]) -> Callable[[Path], Inputs]:
    """The problem after a change to its results."""
    return lambda folder: files(folder, results=_changed(RESULTS, change))


def both_with(
    change_truth: Callable[[Any], Any], change_results: Callable[[Any], Any]
) -> Callable[[Path], Inputs]:
    """The problem after changes to both."""
    return lambda folder: files(
        folder, _changed(TRUTH, change_truth), _changed(RESULTS, change_results)
    )


def results_are(document: Any) -> Callable[[Path], Inputs]:
    """The problem with other results, a document or bytes."""
    return lambda folder: files(folder, results=document)


def truth_is(document: Any) -> Callable[[Path], Inputs]:
    """The problem with other ground truth, a document or bytes."""
    return lambda folder: files(folder, truth=document)


def objects(detections: Any, **options: Any) -> Callable[[Path], Inputs]:
    """The problem with detections as Python objects."""
    return lambda folder: files(folder)._replace(detections=detections, options=options)


def _changed(document: Any, change: Callable[[Any], Any]) -> Any:
    document = copy.deepcopy(document)
    change(document)
    return document


def all_cases() -> list[tuple[str, list[Case]]]:
    """Every case, under headings."""
    from tests.eval.bad_cases import (
        extreme,
        formats,
        matched,
        objects,
        open_images,
        readings,
        result_files,
        results,
        tools,
        truth,
    )

    return [
        ("Ground truth in COCO JSON", truth.CASES),
        ("Results in COCO JSON", results.CASES + result_files.CASES),
        ("Other formats", formats.CASES),
        ("Results that name images and classes otherwise", matched.CASES),
        ("Boxes and image ids that mean something else", readings.CASES),
        ("Ground truth of labelling tools, in tables and in texts", tools.CASES),
        ("Tables of Open Images", open_images.CASES),
        ("Extreme values, and files made to fill the memory", extreme.CASES),
        ("Objects and options in Python", objects.CASES),
    ]


def table() -> str:
    """The Markdown page."""
    lines = [
        "# Bad inputs and their outcomes",
        "",
        "Every line is a test (tests/eval/bad_inputs.py, which writes this page). Each one changes "
        f'the same small problem; "right" means that its own figures come out, {_shown(RIGHT)}. '
        "Nothing is silently wrong: any other outcome is an error of one line or has a note. The "
        "last column is the outcome with pycocotools 2.0.11 (its AP on this problem) where it was "
        "tested.",
    ]
    for heading, cases in all_cases():
        lines += ["", f"## {heading}", "", "Input | Outcome here | pycocotools"]
        lines += ["--- | --- | ---"]
        lines += [
            " | ".join(_cell(text) for text in (case.name, _outcome(case), case.pycocotools))
            for case in cases
        ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _outcome(case: Case) -> str:
    protocols = PROTOCOLS if isinstance(case.outcome, str) else tuple(case.outcome)
    with tempfile.TemporaryDirectory() as folder:
        found = run(case, Path(folder), protocols[0])
    if isinstance(found, str):
        # The messages of other libraries on broken files differ between their versions.
        return "Error: " + re.sub(rf"({BROKEN}) \((?:[^()]|\([^()]*\))*\)", r"\1 (...)", found)
    assert not isinstance(case.outcome, str), case.name
    shown = "right" if case.outcome == RIGHT else _shown(case.outcome)
    notes = [f"Note: {note}" for note in found.notes] + [f"Quirk: {q}" for q in found.quirks]
    return ". ".join([shown, *notes])


def _shown(outcome: Mapping[str, float]) -> str:
    values = {fraction(value) for value in outcome.values()}
    if len(values) == 1:
        return f"{values.pop()} ({'all protocols' if len(outcome) > 1 else next(iter(outcome))})"
    return ", ".join(f"{fraction(value)} ({name})" for name, value in outcome.items())


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "\\<").replace("*", "\\*").replace("_", "\\_")


if __name__ == "__main__":
    TABLE.write_text(table(), encoding="utf-8")
