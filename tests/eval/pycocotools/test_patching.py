"""patch(): code that imports pycocotools runs on this package."""

from __future__ import annotations

import pickle
import sys
from typing import Any

import numpy as np
import pytest
from pycocotools import coco as official
from pycocotools import cocoeval as official_eval

from eval import EvaluationError
from eval.pycocotools import COCO, COCOeval, patch

BOX = {"image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 20]}


def program() -> Any:
    """A program of a user: one detection is right, one is wrong."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    truth = COCO()
    truth.dataset = {
        "images": [{"id": 1, "width": 50, "height": 50}],
        "categories": [{"id": 1, "name": "dog"}],
        "annotations": [{"id": 1, "area": 400, "iscrowd": 0, **BOX}],
    }
    truth.createIndex()
    found = truth.loadRes([{**BOX, "bbox": [0, 0, 5, 5], "score": 0.9}, {**BOX, "score": 0.8}])
    evaluation = COCOeval(truth, found, "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    return evaluation


def test_a_program_uses_our_classes_until_the_end() -> None:
    before = official.COCO, official_eval.COCOeval
    expected = program()
    with patch():
        ours = program()
    assert isinstance(ours, COCOeval) and isinstance(ours.cocoDt, COCO)
    assert not isinstance(expected, COCOeval)
    assert ours.stats.tolist() == expected.stats.tolist()
    assert ours.stats[0] == pytest.approx(0.5)
    assert (official.COCO, official_eval.COCOeval) == before


def test_the_rest_of_pycocotools_remains() -> None:
    before = official_eval.COCOeval
    with patch():
        ours = program()
        assert isinstance(ours, before)
        assert callable(ours.cocoGt.showAnns) and callable(ours.cocoDt.download)
        image = ours.evaluateImg(1, 1, [0, 1e10], 100)
        np.testing.assert_array_equal(image["dtMatches"], ours.evalImgs[0]["dtMatches"])
        assert pickle.loads(pickle.dumps(ours)).stats.tolist() == ours.stats.tolist()


def test_a_second_patch_changes_nothing() -> None:
    undo = patch()
    try:
        patched = official.COCO
        with patch():
            assert official.COCO is patched
        assert official.COCO is patched
    finally:
        undo.close()
    assert official.COCO is not patched


def test_a_derived_class_matches_in_its_own_way() -> None:
    with patch():
        base: Any = official_eval.COCOeval

        class Blind(base):
            def evaluateImg(self, imgId: Any, catId: Any, aRng: Any, maxDet: int) -> Any:
                image = super().evaluateImg(imgId, catId, aRng, maxDet)
                image["dtMatches"][:] = 0
                return image

        ours = program()
        blind = Blind(ours.cocoGt, ours.cocoDt, "bbox")
        blind.evaluate()
        blind.accumulate()
    assert ours.eval["recall"].max() == 1 and blind.eval["recall"].max() == 0


def test_a_missing_pycocotools_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pycocotools", "pycocotools.coco", "pycocotools.mask"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(EvaluationError, match="pip install pycocotools"):
        patch()
    truth = COCO({"images": [{"id": 1, "width": 50, "height": 50}]})
    with pytest.raises(EvaluationError, match="mask needs pycocotools"):
        truth.annToMask({"image_id": 1, "segmentation": [[0, 0, 5, 0, 5, 5]]})
