"""The networks see a large picture at reduced size; all boxes are in the photograph's pixels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detector import Detector, DetectorError
from detector.pictures.reading import read_scaled
from detector.results import Detections
from tests.detector.command import detect
from tests.made_up import rectangles


@pytest.fixture(scope="module")
def detector(small_weights: Path) -> Detector:
    return Detector.load(small_weights, device="cpu")


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return rectangles(11)[0]  # 96 x 128


@pytest.fixture(scope="module")
def doubled(image: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every pixel four times: read at half size it is `image` again."""
    path = tmp_path_factory.mktemp("large") / "doubled.png"
    Image.fromarray(image.repeat(2, axis=0).repeat(2, axis=1)).save(path)
    return path


@pytest.fixture(autouse=True)
def low_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detector.pictures.reading.LARGE", 96 * 128)


def test_boxes_are_those_of_the_photograph(
    detector: Detector, image: np.ndarray, doubled: Path
) -> None:
    small, small_trace = detector.trace(image, threshold=0.0)
    for source in (doubled, np.asarray(Image.open(doubled)), read_scaled(doubled)):
        large, large_trace = detector.trace(source, threshold=0.0)
        assert len(large) > 3 and large.image_size == (192, 256)
        np.testing.assert_allclose(large.boxes_xyxy, 2 * small.boxes_xyxy, rtol=1e-6)
        np.testing.assert_array_equal(large.scores, small.scores)
        for mine, theirs in zip(large_trace[:2], small_trace[:2], strict=True):
            np.testing.assert_allclose(mine, 2 * theirs, rtol=1e-6)
        np.testing.assert_allclose(
            large_trace.scored.boxes_xyxy, 2 * small_trace.scored.boxes_xyxy, rtol=1e-6
        )


def test_a_chosen_longest_side_changes_no_coordinates(
    detector: Detector, image: np.ndarray, doubled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    large = detector(read_scaled(doubled, max_side=128))
    np.testing.assert_allclose(large.boxes_xyxy, 2 * detector(image).boxes_xyxy, rtol=1e-6)


def test_own_boxes_and_proposals_are_those_of_the_photograph(
    detector: Detector, image: np.ndarray, doubled: Path
) -> None:
    boxes = np.array([[4, 4, 60, 50], [30, 20, 120, 90]], np.float32)
    small = detector(image, proposals=boxes, threshold=0.0)
    large = detector(doubled, proposals=2 * boxes, threshold=0.0)
    assert len(large) > 0
    np.testing.assert_allclose(large.boxes_xyxy, 2 * small.boxes_xyxy, rtol=1e-6)
    np.testing.assert_array_equal(
        detector.classify(doubled, 2 * boxes), detector.classify(image, boxes)
    )
    np.testing.assert_allclose(
        detector.propose(doubled).boxes_xyxy, 2 * detector.propose(image).boxes_xyxy, rtol=1e-6
    )


def test_frames_and_crops_are_drawn_from_fewer_pixels(image: np.ndarray) -> None:
    boxes = np.array([[20, 40, 60, 80]], np.float32)
    reduced = Detections(boxes, [0.9], [0], ("cat",), (192, 256), image=image)
    whole = Detections(boxes / 2, [0.9], [0], ("cat",), (96, 128), image=image)
    np.testing.assert_array_equal(reduced.draw(), whole.draw())
    (crop,) = reduced.crops()
    np.testing.assert_array_equal(crop, image[20:40, 10:30])
    for size in ((96, 256), (256, 192), (97, 128), (40, 60)):
        with pytest.raises(DetectorError, match="or fewer pixels in the same proportions"):
            Detections(boxes[:0], [], [], ("cat",), size, image=image)


def test_the_commands_report_the_photograph_s_pixels(
    small_weights: Path, doubled: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ("--weights", small_weights, doubled)
    run = detect(*words, "--threshold", "0.01", "-o", out, json_at=out / "detections.json")
    assert run.code == 0, run.errors
    (record,) = run.found["images"]
    assert (record["width"], record["height"]) == (256, 192)
    assert max(row["bbox"][0] + row["bbox"][2] for row in run.found["annotations"]) > 128
    run = detect("propose", *words, "-o", out, "--draw", "5")
    assert run.code == 0, run.errors
    row = json.loads((out / "proposals.jsonl").read_bytes())
    assert (row["width"], row["height"]) == (256, 192)
    assert np.max(row["boxes_xyxy"]) == 256


def test_a_stretched_picture_is_noted_once_on_standard_error(
    small_weights: Path, tmp_path: Path
) -> None:
    deep = rectangles(2, 72, 96)[0][..., 0].astype(np.uint16) * 16  # 12 bits in 16
    Image.fromarray(deep).save(tmp_path / "deep.png")
    words = ("--weights", small_weights, tmp_path / "deep.png", "-o", tmp_path / "out")
    for _ in range(2):
        run = detect(*words)
        assert run.code == 0
        (line,) = [line for line in run.errors.splitlines() if "are stretched to" in line]
        assert line.startswith(f"detect: {tmp_path}/deep.png: its values ")
