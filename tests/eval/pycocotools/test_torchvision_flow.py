"""The flow of torchvision's reference evaluator: batches, processes, and gathered matches."""

from __future__ import annotations

import contextlib
import copy
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from pycocotools import coco as official
from pycocotools import cocoeval as official_eval

from eval.pycocotools import COCO, COCOeval
from tests.eval.pycocotools.problems import (
    MANY,
    Problem,
    box_problems,
    keypoint_problems,
    mask_problems,
    same,
)


def evaluated(coco: Any, cocoeval: Any, problem: Problem, kind: str, in_steps: bool) -> Any:
    """COCOeval of all images, of which each process evaluated a part, batch by batch."""
    truth, detections = copy.deepcopy(problem)
    with contextlib.redirect_stdout(io.StringIO()):
        ground = coco()
        ground.dataset = truth
        ground.createIndex()
        ids = [image["id"] for image in truth["images"]]
        # Two processes; a sampler gives the first image to both.
        parts = [process(cocoeval, coco, ground, detections, kind, own, in_steps)
                 for own in (ids[::2], [*ids[1::2], ids[0]])]  # fmt: skip
        gathered = cocoeval(ground, iouType=kind)
        merged, places = np.unique(np.concatenate([part[0] for part in parts]), return_index=True)
        images = np.concatenate([part[1] for part in parts], axis=2)[..., places]
        gathered.evalImgs = list(images.flatten())
        gathered.params.imgIds = list(merged)
        gathered._paramsEval = copy.deepcopy(gathered.params)
        gathered.accumulate()
        gathered.summarize()
    return gathered


def process(
    cocoeval: Any,
    coco: Any,
    ground: Any,
    detections: list[dict[str, Any]],
    kind: str,
    ids: list[int],
    in_steps: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Image ids, and their matches by category, area range and image."""
    one = cocoeval(copy.deepcopy(ground), iouType=kind)
    matches = []
    for image in ids:
        own = [found for found in copy.deepcopy(detections) if found["image_id"] == image]
        one.cocoDt = coco.loadRes(ground, own) if own else coco()
        one.params.imgIds = [image]
        if in_steps:
            own_images = steps(one)
        else:
            one.evaluate()
            own_images = one.evalImgs
        matches.append(np.asarray(own_images).reshape(-1, len(one.params.areaRng), 1))
    shape = (len(one.params.catIds), len(one.params.areaRng), 0)
    return np.array(ids), np.concatenate([np.empty(shape, dtype=object), *matches], axis=2)


def steps(one: Any) -> list[Any]:
    """What DETR and the first versions of torchvision call in place of `evaluate`."""
    params = one.params
    params.maxDets = sorted(params.maxDets)
    one._prepare()
    overlap = one.computeOks if params.iouType == "keypoints" else one.computeIoU
    cells = [(image, category) for image in params.imgIds for category in params.catIds]
    one.ious = {cell: overlap(*cell) for cell in cells}
    return [
        one.evaluateImg(image, category, area, params.maxDets[-1])
        for category in params.catIds
        for area in params.areaRng
        for image in params.imgIds
    ]


@pytest.mark.parametrize("in_steps", [False, True])
@pytest.mark.parametrize(
    ("kind", "problems"),
    [("bbox", box_problems), ("segm", mask_problems), ("keypoints", keypoint_problems)],
)
def test_gathered_matches_are_identical(kind: str, problems: Any, in_steps: bool) -> None:
    @settings(MANY, max_examples=25)
    @given(problems())
    def check(problem: Problem) -> None:
        ours = evaluated(COCO, COCOeval, problem, kind, in_steps)
        reference = evaluated(official.COCO, official_eval.COCOeval, problem, kind, in_steps)
        assert same(ours.evalImgs, reference.evalImgs)
        for name in ("precision", "recall", "scores"):
            np.testing.assert_array_equal(ours.eval[name], reference.eval[name], name)
        assert ours.stats.tolist() == reference.stats.tolist()

    check()
