"""OpenCV's search through the same function: the same guarantees except the order."""

import sys

import numpy as np
import pytest

from proposals import ProposalError, selective_search
from tests.proposals.test_selective_search import scene

pytest.importorskip("cv2.ximgproc", reason="this OpenCV lacks ximgproc")


def boxes_of(image: np.ndarray, *arguments: object, **options: object) -> np.ndarray:
    return selective_search(image, *arguments, backend="opencv", **options).boxes_xyxy


def test_it_finds_an_isolated_object():
    image = np.full((100, 140, 3), (30, 90, 160), np.uint8)
    image[30:70, 40:110] = (220, 60, 20)
    boxes = boxes_of(image, width=None)
    assert np.abs(boxes - [40, 30, 110, 70]).max(axis=1).min() <= 2
    assert np.abs(boxes_of(image) - [40, 30, 110, 70]).max(axis=1).min() <= 2


@pytest.mark.parametrize("mode", ["single", "fast", "rcnn-fast", "quality"])
def test_every_mode_gives_valid_boxes(mode):
    image = scene(90, 120)
    result = selective_search(image, mode, backend="opencv", width=240, min_side=30, max_side=150)
    boxes = result.boxes_xyxy
    assert (boxes >= 0).all()
    assert (boxes <= [120, 90, 120, 90]).all()
    assert len(np.unique(boxes, axis=0)) == len(boxes)
    assert [0, 0, 120, 90] in boxes.tolist()
    assert result.scores[0] == 1
    sides = (boxes[:, 2:] - boxes[:, :2])[~(boxes == [0, 0, 120, 90]).all(axis=1)] * 2
    assert len(sides) > 3
    assert sides.min() >= 30
    assert sides.max() <= 150


def test_its_settings_are_the_same():
    image = scene(seed=3)
    same = {"mode": "fast", "width": None, "connectivity": 4}
    for scale in (0.5, 1.0, 2.0):
        ours = selective_search(image, superpixel_scale=scale, **same)
        assert len(boxes_of(image, superpixel_scale=scale, **same)) == pytest.approx(
            len(ours), rel=0.25
        )
    assert len(boxes_of(image, max_boxes=7, width=None)) == 7


def test_only_the_order_changes_from_call_to_call():
    first, second = (boxes_of(scene(), width=None).tolist() for _ in range(2))
    assert sorted(first) == sorted(second)
    assert first != second


@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (200, 1), (2, 90), (3, 3)])
@pytest.mark.parametrize("scale", [0.02, 1.0, 1e307])
def test_narrow_images_do_not_crash(shape, scale):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    boxes = boxes_of(image, "fast", scale, width=None, min_side=0)
    assert [0, 0, shape[1], shape[0]] in boxes.tolist()


def test_an_opencv_without_ximgproc_is_explained(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2.ximgproc", None)
    with pytest.raises(ProposalError, match="lacks ximgproc; run `pip install opencv-contrib"):
        boxes_of(scene(20, 20))


def test_a_failure_in_opencv_is_explained(monkeypatch):
    import cv2

    class Broken:
        def process(self):
            raise cv2.error("OpenCV(5.0.0)\n assertion failed")

    monkeypatch.setattr("proposals.search.opencv_backend._build", lambda *_: Broken())
    with pytest.raises(ProposalError, match=r"20 x 30 pixels .*assertion failed.*backend='own'"):
        boxes_of(scene(20, 30), width=None)
