"""The Detector inside other programs: their threads, their forks, their settings of torch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from detector import Detector, DetectorError
from detector.networks.ensemble import Member
from tests.made_up import rectangles


@pytest.fixture(scope="module")
def detector(small_weights: Path) -> Detector:
    return Detector.load(small_weights, device="cpu")


@pytest.fixture
def in_double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("mode", ["shared", "warp"])
def test_double_precision_as_torch_s_default_changes_nothing(
    detector: Detector, small_weights: Path, mode: str, in_double: None
) -> None:
    image, _ = rectangles(3)
    loaded = Detector.load(small_weights, device="cpu")
    own = Detector([Member(loaded.model, mode)], loaded.recipe, loaded.info, "cpu")
    found, boxes = own(image, threshold=0.0), own.propose(image).boxes_xyxy
    probabilities = own.classify(image, boxes)
    assert probabilities.dtype == boxes.dtype == np.float32
    torch.set_default_dtype(torch.float32)
    usual = Detector([Member(detector.model, mode)], detector.recipe, detector.info, "cpu")
    assert len(found) > 3 and found == usual(image, threshold=0.0)
    np.testing.assert_array_equal(probabilities, usual.classify(image, boxes))
    assert own.digest() == usual.digest()


def test_three_threads_give_the_results_of_one(detector: Detector) -> None:
    pictures = [rectangles(seed, 60 + 9 * seed, 150 - 7 * seed)[0] for seed in range(6)]
    one_by_one = [detector(picture, threshold=0.0) for picture in pictures]
    assert len({len(found) for found in one_by_one}) > 1

    def shifted(by: int) -> list[Any]:
        order = [(place + by) % 6 for place in range(6)]
        found = {place: detector(pictures[place], threshold=0.0) for place in order}
        return [found[place] for place in range(6)]

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(shifted, range(0, 6, 2))) == [one_by_one] * 3


FORK = """
import multiprocessing, sys
import torch
from detector import Detector
from tests.made_up import rectangles

detector = Detector.load(sys.argv[1], device="cpu")
pictures = [rectangles(seed)[0] for seed in range(3)]
torch.set_num_threads(1)  # as in the child: some processors round sums of two threads otherwise
expected = [detector(picture, threshold=0.0) for picture in pictures]
assert sum(map(len, expected)) > 3
torch.set_num_threads(2)
detector(pictures[0])  # starts the second thread

def in_child():
    assert [detector(picture, threshold=0.0) for picture in pictures] == expected
    again = Detector.load(sys.argv[1], device="cpu")
    assert again(pictures[0], threshold=0.0) == expected[0]

child = multiprocessing.get_context("fork").Process(target=in_child)
child.start()
child.join(90)
if child.is_alive():
    child.kill()
    sys.exit("the child hangs")
sys.exit(child.exitcode)
"""


def test_a_forked_process_goes_on_with_the_detector_of_its_parent(
    small_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torch's threads do not survive a fork, and a child that waits for them waits forever."""
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    done = subprocess.run(
        [sys.executable, "-c", FORK, str(small_weights)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "boxes",
    [
        torch.tensor([[10.0, 10, 90, 70]], requires_grad=True),
        torch.tensor([[10, 10, 90, 70]], dtype=torch.bfloat16),
        torch.tensor([[10, 10, 90, 70]]),
    ],
)
def test_proposals_may_be_any_tensor(detector: Detector, boxes: torch.Tensor) -> None:
    image, _ = rectangles(3)
    expected = detector(image, proposals=[[10, 10, 90, 70]], threshold=0.0)
    assert detector(image, proposals=boxes, threshold=0.0) == expected


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("far", [1e30, -1e30, 1e39, -3e38, 2.0**25])
def test_gigantic_proposals_are_refused(detector: Detector, far: float) -> None:
    box = [0.0, 0.0, far, 9.0] if far > 0 else [far, 0.0, 9.0, 9.0]
    with pytest.raises(DetectorError, match=r"box 1 is \[.*\], beyond 16,777,216 pixels; give"):
        detector(rectangles(3)[0], proposals=[[1, 2, 3, 4], box])
    tensor = torch.tensor([[1, 2, 3, 4], box], dtype=torch.float64)
    with pytest.raises(DetectorError, match="beyond"):
        detector.classify(rectangles(3)[0], tensor)
