"""Detector.stream: one result after another, whatever fails in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from detector import Detections, Detector, DetectorError
from tests.made_up import rectangles

PICTURES = [rectangles(seed)[0] for seed in range(4)]


@pytest.fixture(scope="module")
def detector(small_weights: Path) -> Detector:
    return Detector.load(small_weights, device="cpu")


@pytest.fixture(scope="module")
def expected(detector: Detector) -> list[Detections]:
    return [detector(picture) for picture in PICTURES]


def test_a_list_an_iterator_and_batches_give_the_results_of_single_calls(
    detector: Detector, expected: list[Detections]
) -> None:
    first = [torch.from_numpy(picture).permute(2, 0, 1) for picture in PICTURES]
    batch = torch.stack(first)
    array = np.stack(PICTURES)
    for sources in (
        PICTURES,
        iter(PICTURES),
        first,
        batch,
        batch / 255,
        [batch[:3], batch[3:]],
        array,
    ):
        results = detector.stream(sources)
        assert iter(results) is results
        assert list(results) == expected
    assert list(detector.stream([])) == []


def test_options_apply_to_every_picture(detector: Detector) -> None:
    options: dict[str, Any] = {"preset": "evaluate", "threshold": 0.1, "max_detections": 2}
    found = list(detector.stream(PICTURES, **options))
    assert found == [detector(picture, **options) for picture in PICTURES]


def test_a_picture_is_taken_when_its_result_is_asked_for(detector: Detector) -> None:
    taken: list[int] = []

    def endless() -> Iterator[np.ndarray]:
        while True:
            taken.append(len(taken))
            yield PICTURES[0]

    results = detector.stream(endless())
    assert taken == []
    next(results)
    next(results)
    assert taken == [0, 1]


def test_a_failure_takes_the_place_of_its_result(
    detector: Detector, expected: list[Detections], tmp_path: Path
) -> None:
    good, torn = tmp_path / "good.png", tmp_path / "torn.png"
    Image.fromarray(PICTURES[1]).save(good)
    torn.write_bytes(good.read_bytes()[:2000])
    sources = [torn, good, torch.zeros(3, 5, 6).long(), PICTURES[2], str(tmp_path / "gone.png")]
    results = list(detector.stream(sources, return_exceptions=True))
    assert results[1] == expected[1] and results[3] == expected[2] and len(results) == 5
    messages = [str(results[place]) for place in (0, 2, 4)]
    assert all(isinstance(results[place], DetectorError) for place in (0, 2, 4))
    assert messages[0].startswith(str(torn)) and "damaged or cut short" in messages[0]
    assert messages[1].startswith("sources[2]: tensor is int64")
    assert messages[2].count("gone.png: no such file") == 1


def test_without_return_exceptions_a_failure_ends_the_results(detector: Detector) -> None:
    results = detector.stream([PICTURES[0], None, PICTURES[1]])  # type: ignore[list-item]
    assert isinstance(next(results), Detections)
    with pytest.raises(DetectorError, match=r"sources\[1\]: cannot read a picture from .*NoneType"):
        next(results)
    assert list(results) == []


def test_a_loader_that_yields_labels_too_is_told_to_leave_them_out(detector: Detector) -> None:
    pairs = [(picture, 1) for picture in PICTURES]
    with pytest.raises(DetectorError, match=r"sources\[0\]: a tuple is no picture; yield pictures"):
        next(detector.stream(pairs))  # type: ignore[call-overload]


def test_an_error_of_the_source_itself_is_not_hidden(detector: Detector) -> None:
    def broken() -> Iterator[np.ndarray]:
        yield PICTURES[0]
        raise OSError("the camera is gone")

    results = detector.stream(broken(), return_exceptions=True)
    next(results)
    with pytest.raises(OSError, match="the camera is gone"):
        next(results)


@pytest.mark.parametrize("single", ["a.jpg", b"\xff\xd8", PICTURES[0], torch.zeros(3, 9, 9)])
def test_one_picture_is_refused_at_once(detector: Detector, single: Any) -> None:
    with pytest.raises(DetectorError, match=r"is one picture; call detector\(picture\)"):
        detector.stream(single)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_folder_is_refused_at_once(detector: Detector, kind: type, tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match=r"a folder; pass the pictures in it, such as sorted"):
        detector.stream(kind(tmp_path))


def test_what_is_no_collection_is_refused_at_once(detector: Detector) -> None:
    for nothing in (7, None, Path("a.jpg"), Image.fromarray(PICTURES[0])):
        with pytest.raises(DetectorError, match="is no collection of pictures; pass a list"):
            detector.stream(nothing)  # type: ignore[call-overload]


def test_options_are_checked_at_once(detector: Detector) -> None:
    with pytest.raises(DetectorError, match="threshold is 40"):
        detector.stream(PICTURES, threshold=40)
    with pytest.raises(DetectorError, match="max_detections is 0"):
        detector.stream(PICTURES, max_detections=0)
