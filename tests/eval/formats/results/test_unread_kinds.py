"""Results in formats that are not read, or that lack scores, lead to one line that names them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from detector.evaluation.run import match_classes
from eval import EvaluationError, read_dataset, read_detections
from tests.eval.formats.results.small import dataset, truth
from tests.eval.made_formats import write

KITTI = "cat -1 -1 -10 10 10 110 110 -1 -1 -1 -1000 -1000 -1000 -10 0.9\n"
FIFTYONE = (
    {"classes": ["cat"], "labels": {"a": [{"label": 0, "bounding_box": [0.1, 0.1, 0.2, 0.2]}]}},
    {"samples": [{"filepath": "a.jpg", "predictions": {"_cls": "Detections"}}]},
)


def refusal(detections: Any) -> str:
    with pytest.raises(EvaluationError) as error:
        read_detections(detections, dataset())
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("folder", ["", "data/"])
def test_folders_of_kitti(tmp_path: Path, folder: str) -> None:
    write(tmp_path / "run" / folder / "a.txt", KITTI)
    message = refusal(tmp_path / "run")
    assert "a.txt: this is a file of KITTI" in message
    assert "write the results of all pictures as COCO JSON" in message


@pytest.mark.parametrize("content", FIFTYONE)
def test_json_of_fiftyone(tmp_path: Path, content: Any) -> None:
    path = write(tmp_path / "found.json", json.dumps(content))
    assert "this is the JSON of FiftyOne, not results; in FiftyOne, export as" in refusal(path)
    with pytest.raises(EvaluationError, match="this is the JSON of FiftyOne, which is not read"):
        read_dataset(path)


def test_lists_of_paths(tmp_path: Path) -> None:
    paths = [tmp_path / "a.json", "b.json"]
    assert refusal(paths).startswith("detections: a list of 2 paths; give one: join JSON lists")


def test_numbers_of_tracks_in_place_of_confidences(tmp_path: Path) -> None:
    box = "0 .1875 .25 .3125 .4166667"
    write(tmp_path / "a.txt", f"{box} 1\n{box} 2\n")
    assert "whole, as that of a track, and no confidence from 0 to 1; save" in refusal(tmp_path)
    for scores in ("1", "0.5", "1 7", "0.5 7"):  # a confidence, perhaps with a track behind it
        write(tmp_path / "a.txt", f"{box} {scores}\n")
        assert len(read_detections(tmp_path, dataset())) == 1


def test_classes_that_differ_only_in_case(tmp_path: Path) -> None:
    content = truth(("Dog", "dog"))
    note = "classes that differ only in case count as different ones: 'Dog', 'dog'"
    path = write(tmp_path / "truth.json", json.dumps(content))
    assert note in read_dataset(content).notes and note in read_dataset(path).notes
    assert not dataset().notes


def test_classes_of_the_detector_in_another_case() -> None:
    names = ("Dog", "zebra", "CAT")
    known, notes = match_classes(names, dataset(), ("cat", "dog"))
    assert known == {0: 2, 2: 1}
    assert "2 class names were matched without regard to case" in notes[0]
    assert notes[1:] == ("the data set lacks zebra: their detections are left out",)
