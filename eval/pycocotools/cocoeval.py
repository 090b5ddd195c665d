"""COCO's evaluation, with the methods and attributes of pycocotools' COCOeval."""

from __future__ import annotations

import copy
import datetime
import time
from collections import defaultdict
from typing import Any

import numpy as np

from eval.errors import EvaluationError
from eval.processors import collection_paused
from eval.pycocotools import curves, matched, summary
from eval.pycocotools.groups import Groups, cells_of, group, side_of_cells, sides_of_text, single
from eval.pycocotools.keypoints import similarities
from eval.pycocotools.params import Params

# A derived class that has one of these sees dicts only.
REPLACEABLE = ("_prepare", "computeIoU", "computeOks", "evaluateImg")
OVERLAPS = {"bbox": matched.box_overlaps, "segm": matched.mask_overlaps}


class COCOeval:
    """Evaluate detections: `evaluate()`, `accumulate()`, then `summarize()`.

    Parameters
    ----------
    cocoGt, cocoDt
        Ground truth, and the detections that its `loadRes` returned: objects of this package's COCO
        or of pycocotools'.
    iouType
        "bbox", "segm" (masks) or "keypoints".

    Attributes
    ----------
    params
        The parameters, to be changed before `evaluate`.
    evalImgs
        List of a dict for each category, area range and image; None without annotations.
    ious
        (detections, objects) float64 by image id and category id; [] where either is missing.
    eval
        precision and scores (thresholds, recalls, categories, areas, limits), recall (thresholds,
        categories, areas, limits), all float64 with -1 where no object counts; also params, counts
        and date.
    stats
        (12,) float64 figures, (10,) for keypoints; -1 where no object counts.
    """

    def __init__(self, cocoGt: Any = None, cocoDt: Any = None, iouType: str = "segm") -> None:
        self.cocoGt, self.cocoDt = cocoGt, cocoDt
        self.params = Params(iouType=iouType)
        self.eval: dict[str, Any] = {}
        self.stats: Any = []
        self._gts: Any = defaultdict(list)
        self._dts: Any = defaultdict(list)
        self._paramsEval: Any = {}
        self._matched: matched.Matched | None = None
        self._images: Any = None
        self._ious: Any = None
        if cocoGt is not None:
            self.params.imgIds = sorted(cocoGt.getImgIds())
            self.params.catIds = sorted(cocoGt.getCatIds())

    @property
    def evalImgs(self) -> Any:
        """The matches of each image; the list is made when it is first read."""
        if self._images is None:
            if self._matched is None:
                return []
            self._images = matched.images_of(self._matched, self._paramsEval)
        return self._images

    @evalImgs.setter
    def evalImgs(self, images: Any) -> None:
        self._images = images

    @property
    def ious(self) -> Any:
        """The overlaps of each image; the dict is made when it is first read."""
        if self._ious is None:
            found = self._matched
            self._ious = {} if found is None else matched.ious_of(found, self._paramsEval)
        return self._ious

    @ious.setter
    def ious(self, ious: Any) -> None:
        self._ious = ious

    @collection_paused()
    def evaluate(self) -> None:
        """Match the detections of all images."""
        start = time.time()
        print("Running per image evaluation...")
        params = self.params
        if params.useSegm is not None:
            params.iouType = "segm" if params.useSegm == 1 else "bbox"
            print(f"useSegm (deprecated) is not None. Running {params.iouType} evaluation")
        print(f"Evaluate annotation type *{params.iouType}*")
        params.imgIds = list(np.unique(params.imgIds))
        if params.useCats:
            params.catIds = list(np.unique(params.catIds))
        params.maxDets = sorted(params.maxDets)
        groups = self._grouped()
        if params.iouType == "keypoints":
            overlaps = matched.overlaps_by(self.computeOks, groups, params)
        elif type(self).computeIoU is not COCOeval.computeIoU:  # a derived class has its own
            overlaps = matched.overlaps_by(self.computeIoU, groups, params)
        else:
            overlaps = OVERLAPS[params.iouType](groups)
        self._matched = matched.match(groups, overlaps, params.iouThrs, params.areaRng)
        self._paramsEval = copy.deepcopy(params)
        if type(self).evaluateImg is not COCOeval.evaluateImg:
            self._images = [
                self.evaluateImg(image, category, area, params.maxDets[-1])
                for category in (params.catIds if params.useCats else [-1])
                for area in params.areaRng
                for image in params.imgIds
            ]
        print(f"DONE (t={time.time() - start:0.2f}s).")

    def accumulate(self, p: Params | None = None) -> None:
        """Compute the curves, if need be with other parameters than those of `evaluate`."""
        print("Accumulating evaluation results...")
        start = time.time()
        params = self.params if p is None else p
        if params.useCats != 1:
            params.catIds = [-1]
        evaluated = self._paramsEval
        if self._images is None and self._matched is None:
            raise EvaluationError("accumulate: nothing is evaluated yet; call evaluate() first")
        limits = [one for one in params.maxDets if one in evaluated.maxDets]
        # Callers may replace evalImgs or change its dicts; the list that they have seen counts.
        if self._images is None and self._matched is not None and _same(params, evaluated):
            pools = curves.pools_of_matches(self._matched)
        else:
            pools = curves.pools_of_images(self.evalImgs, evaluated, params)
        self.eval = {
            "params": params,
            "date": datetime.datetime.now().strftime("%Y-%m-%d %H:%M:%S"),
            **curves.accumulate(pools, params, limits),
        }
        print(f"DONE (t={time.time() - start:0.2f}s).")

    def summarize(self) -> None:
        """Print the figures and keep them in `stats`."""
        if not self.eval:
            raise EvaluationError("summarize: no curves yet; call accumulate() first")
        self.stats = summary.summarize(self.eval, self.params)

    def __str__(self) -> str:
        """Print the figures, as pycocotools does, whose `str` then fails; this text is empty."""
        self.summarize()
        return ""

    def computeIoU(self, imgId: Any, catId: Any) -> Any:
        """(detections, objects) float64, the overlaps in one image; [] without either.

        Detections are in order of falling score.
        """
        found, truths = self._cell(imgId, catId)
        if not found or not truths:
            return []
        return OVERLAPS[self.params.iouType](single(found, truths)).ious.reshape(len(found), -1)

    def computeOks(self, imgId: Any, catId: Any) -> Any:
        """(detections, objects) float64, the similarity of keypoints in one image, as computeIoU.

        Without categories (useCats = 0) it is [], as in pycocotools: no keypoints match.
        """
        if not self.params.useCats:
            return []
        found, truths = self._cell(imgId, catId)
        if not found or not truths:
            return []
        return similarities(found, truths, self.params.kpt_oks_sigmas)

    def evaluateImg(self, imgId: Any, catId: Any, aRng: Any, maxDet: int) -> dict | None:
        """The dict of evalImgs for one image, category and area range, by the overlaps in `ious`.

        None without annotations.
        """
        found, truths = self._cell(imgId, catId)
        if not found and not truths:
            return None
        one = single(found[:maxDet], truths)
        ious = np.asarray(self.ious[imgId, catId], dtype=np.float64)[: len(one.ids)].ravel()
        overlaps = matched.Overlaps(ious, np.array([0, len(ious)]))
        return {
            "image_id": imgId,
            "category_id": catId,
            "aRng": aRng,
            "maxDet": maxDet,
            **matched.matches_of(matched.match(one, overlaps, self.params.iouThrs, [aRng]), 0, 0),
        }

    def _grouped(self) -> Groups:
        """The annotations, from text if no caller can have changed them."""
        params = self.params
        sides = None
        if all(getattr(type(self), name) is getattr(COCOeval, name) for name in REPLACEABLE):
            sides = sides_of_text(self.cocoGt, self.cocoDt, params)
        if sides is None:
            self._prepare()
            sides = side_of_cells(self._gts, params), side_of_cells(self._dts, params)
        else:
            self._forget()
            self._gts = self._dts = None
        return group(*sides, params)

    def _prepare(self) -> None:
        """Collect the annotations by image id and category id, and forget earlier results."""
        self._gts = cells_of(self.cocoGt, self.params, objects=True)
        self._dts = cells_of(self.cocoDt, self.params, objects=False)
        self._forget()

    def _forget(self) -> None:
        self.eval, self._matched, self._images, self._ious = {}, None, None, None

    def _cell(self, image: Any, category: Any) -> tuple[list[dict], list[dict]]:
        """Detections by falling score up to the largest limit, and objects."""
        if self._gts is None:  # the evaluation was that of text
            self._gts = cells_of(self.cocoGt, self._paramsEval, objects=True)
            self._dts = cells_of(self.cocoDt, self._paramsEval, objects=False)
        categories = [category] if self.params.useCats else self.params.catIds
        found, truths = (
            [one for label in categories for one in side[image, label]]
            for side in (self._dts, self._gts)
        )
        order = np.argsort([-one["score"] for one in found], kind="stable")
        return [found[row] for row in order[: self.params.maxDets[-1]]], truths


def _same(params: Params, evaluated: Params) -> bool:
    """Whether matches made with the parameters `evaluated` fit others place by place."""
    return all(
        np.array_equal(getattr(params, name), getattr(evaluated, name))
        for name in ("imgIds", "areaRng", "iouThrs")
    ) and (not params.useCats or np.array_equal(params.catIds, evaluated.catIds))
