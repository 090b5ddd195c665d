"""A small problem to check, changes to it, and the findings of the linter."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

from eval.checking import Finding, check
from tests.eval.made_formats import write

TRUTH: dict[str, Any] = {
    "images": [
        {"id": 7, "file_name": "a.jpg", "width": 50, "height": 40},
        {"id": "b", "file_name": "b.jpg", "width": 60, "height": 70},
    ],
    "categories": [{"id": 1, "name": "cat"}, {"id": 18, "name": "dog"}],
    "annotations": [
        {"id": 1, "image_id": 7, "category_id": 1, "bbox": [1, 2, 30, 20], "area": 500.0,
         "iscrowd": 0},
        {"id": 2, "image_id": 7, "category_id": 18, "bbox": [0, 0, 4.5, 5], "area": 22.5,
         "iscrowd": 1},
        {"id": 3, "image_id": "b", "category_id": 1, "bbox": [5, 6, 7, 8], "area": 50,
         "iscrowd": 0},
    ],
}  # fmt: skip
RESULTS: list[dict[str, Any]] = [
    {"image_id": 7, "category_id": 1, "bbox": [1, 2, 30, 20], "score": 0.9},
    {"image_id": "b", "category_id": 18, "bbox": [0, 0, 4.5, 5], "score": 0.25},
]


def changed(document: Any, *changes: tuple[tuple[str | int, ...], Any]) -> Any:
    """A copy with other values at some places; ABSENT removes the key."""
    document = copy.deepcopy(document)
    for path, value in changes:
        target = document
        for step in path[:-1]:
            target = target[step]
        if value is ABSENT:
            del target[path[-1]]
        else:
            target[path[-1]] = value
    return document


ABSENT = object()


def saved(folder: Path, name: str, document: Any) -> Path:
    return write(folder / name, document if isinstance(document, str) else json.dumps(document))


def check_truth(folder: Path, document: Any) -> list[Finding]:
    return check(saved(folder, "truth.json", document))


def check_results(folder: Path, document: Any) -> list[Finding]:
    truth = saved(folder, "truth.json", TRUTH)
    return check(saved(folder, "results.json", document), truth)


def errors(findings: list[Finding]) -> list[str]:
    return [str(finding) for finding in findings if finding.severity == "error"]


def warnings(findings: list[Finding]) -> list[str]:
    return [str(finding) for finding in findings if finding.severity == "warning"]
