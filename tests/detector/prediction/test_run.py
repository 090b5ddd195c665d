"""Which detections `detect PICTURE ...` shows, with a detector that always finds the same."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.detector.command import Run, detect, save
from tests.detector.prediction.fixed_detector import FixedRuns

JSON = Path("detections/detections.json")


def shown(found: Run) -> list[tuple[int, float]]:
    return [(row["category_id"], row["score"]) for row in found.found["annotations"]]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], [(18, 0.9), (17, 0.8), (18, 0.7)]),  # over the recipe's threshold of 0.4
        (["--classes", "green"], [(18, 0.9), (18, 0.7)]),
        (["--classes", "RED,green", "--threshold", "0.75"], [(18, 0.9), (17, 0.8)]),
        (["--classes", "red", "--threshold", "0"], [(17, 0.8), (17, 0.3)]),
        (["--max-detections", "2"], [(18, 0.9), (17, 0.8)]),
        # counted among the classes that are shown
        (["--classes", "green", "--max-detections", "2"], [(18, 0.9), (18, 0.7)]),
        (["--classes", "red", "--max-detections", "1", "--threshold", "0"], [(17, 0.8)]),
    ],
)
def test_classes_threshold_and_count(
    words: list[str], expected: list[tuple[int, float]], run: FixedRuns
) -> None:
    found = run(save(Path("1.png")), *words, json_at=JSON)
    assert found.code == 0 and shown(found) == expected
    # all categories stay, with the ids of the data set
    assert found.found["categories"] == [{"id": 17, "name": "red"}, {"id": 18, "name": "green"}]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], [(18, 0.9), (17, 0.8), (17, 0.3)]),
        (["--threshold", "0.85"], [(18, 0.9), (17, 0.8), (17, 0.3)]),
        (["--classes", "green"], [(18, 0.9)]),
    ],
)
def test_thresholds_of_classes(
    words: list[str], expected: list[tuple[int, float]], run: FixedRuns, tmp_path: Path
) -> None:
    path = tmp_path / "thresholds.yaml"
    path.write_text("protocol: voc\nthresholds: {Red: 0.25, green: 0.75}")
    found = run(save(Path("1.png")), "--thresholds", path, *words, json_at=JSON)
    assert found.code == 0 and shown(found) == expected
    path.write_text("thresholds: {red: 0.85, green: null}")
    found = run(save(Path("1.png")), "--thresholds", path, "--threshold", "0.7", json_at=JSON)
    assert shown(found) == [(18, 0.9), (18, 0.7)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gren: 0.5", "class 'gren': no such class; did you mean 'green'?"),
        ("green: 40", "threshold of 'green' is 40.0; scores are 0 to 1"),
        ("green: high", "thresholds: 'green' is 'high'; expected a number"),
    ],
)
def test_a_fault_in_thresholds_is_one_line(
    text: str, message: str, run: FixedRuns, tmp_path: Path
) -> None:
    path = tmp_path / "thresholds.yaml"
    path.write_text(text)
    found = run(save(Path("1.png")), "--thresholds", path)
    assert (found.code, len(found.errors.splitlines())) == (2, 1)
    assert f"--thresholds: {path}: " in found.errors and message in found.errors


def test_an_unknown_class_is_an_error_before_torch_is_needed(
    small_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: Any) -> None:
        raise AssertionError("networks were loaded")

    monkeypatch.setattr("detector.commands.image.load_detector", load)
    picture = save(tmp_path / "1.png")
    words = ("image", "--weights", small_weights, "-o", tmp_path / "out", picture)
    found = detect(*words, "--classes", "red,gren")
    assert (found.code, len(found.errors.splitlines())) == (2, 1)
    message = "--classes: class 'gren': no such class; did you mean 'green'?"
    assert message in found.errors and not (tmp_path / "out").exists()
    missing = detect(*words[:2], tmp_path / "none.safetensors", *words[3:], "--classes", "red")
    assert missing.code == 2 and "none.safetensors: no such file" in missing.errors


@pytest.mark.parametrize(
    ("words", "value"), [([], None), (["--agnostic-nms"], True), (["--no-agnostic-nms"], False)]
)
def test_the_detector_receives_the_options(
    words: list[str], value: bool | None, run: FixedRuns
) -> None:
    assert run(save(Path("1.png")), *words).code == 0
    (options,) = run.detector.options
    assert options["agnostic_nms"] is value
    assert options["proposals"] is options["threshold"] is None


def test_a_large_picture_is_reduced_and_boxes_are_in_its_own_pixels(run: FixedRuns) -> None:
    picture = save(Path("1.png"), height=400, width=1000)
    found = run(picture, "--max-side", "500", "--save-crops", json_at=JSON)
    assert run.detector.options[0]["pixels"] == (200, 500)
    (image,) = found.found["images"]
    assert (image["height"], image["width"], image["drawing_scale"]) == (400, 1000, 0.5)
    assert Image.open(JSON.parent / image["drawing"]).size == (500, 200)
    assert found.of("1.png")[0]["bbox"] == [250, 100, 500, 100]
    # SHARES[0] of the reduced picture
    assert Image.open("detections/crops/green/1-1.jpg").size == (250, 50)
    run(picture, "--max-side", "1000", "-o", "whole")
    assert run.detector.options[1]["pixels"] == (400, 1000)


@pytest.mark.parametrize(
    ("size", "drawn"), [((400, 300), (400, 300)), ((100, 40), (400, 160)), ((150, 40), (450, 120))]
)
def test_the_json_tells_the_scale_of_an_enlarged_drawing(
    size: tuple[int, int], drawn: tuple[int, int], run: FixedRuns
) -> None:
    found = run(save(Path("1.png"), height=size[1], width=size[0]), json_at=JSON)
    (image,) = found.found["images"]
    assert Image.open(JSON.parent / image["drawing"]).size == drawn
    assert image.get("drawing_scale", 1) == drawn[0] / size[0]
    assert (image["width"], image["height"]) == size


def test_own_boxes_are_in_the_pixels_of_the_photograph(run: FixedRuns) -> None:
    save(Path("1.png"))
    Path("boxes.json").write_text(json.dumps({"1.png": [[1, 2, 30, 40]]}))
    assert run("1.png", "--proposals", "boxes.json", "--max-side", "48").code == 0
    # the detector itself scales them together with the picture that it is given
    np.testing.assert_array_equal(run.detector.options[0]["proposals"], [[1, 2, 30, 40]])
    assert run.detector.options[0]["pixels"] == (36, 48)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_keeps_what_is_finished(
    number: int, run: FixedRuns, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(number)
    pictures = [save(Path(f"{number}.png"), number) for number in (1, 2, 3)]
    call = type(run.detector).__call__

    def interrupted(detector: Any, *words: Any, **options: Any) -> Any:
        if len(detector.options) == 2:
            os.kill(os.getpid(), number)
        return call(detector, *words, **options)

    monkeypatch.setattr(type(run.detector), "__call__", interrupted)
    found = run(*pictures, "--save-as", "csv,yolo", json_at=JSON)
    assert found.code == 130 and found.errors.endswith("detect: interrupted\n")
    assert [image["file_name"] for image in found.found["images"]] == ["1.png", "2.png"]
    assert len(found.found["annotations"]) == 2 * (np.array([0.9, 0.8, 0.7]) > 0.4).sum()
    lines = Path("detections/detections.csv").read_text().splitlines()
    assert len(lines) == 1 + len(found.found["annotations"])
    assert sorted(path.name for path in Path("detections/labels").iterdir()) == ["1.txt", "2.txt"]
    assert signal.getsignal(number) == before
