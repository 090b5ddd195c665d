"""The LVIS protocol for masks and boxes, under the name and with the figures of the lvis package.

The rules and their source are those of eval.protocols.lvis, which is faster, but evaluates boxes
only. Matches, curves and attributes are COCOeval's.
"""

from __future__ import annotations

import os
from collections import defaultdict
from typing import Any

import numpy as np

from eval.errors import EvaluationError
from eval.pycocotools.coco import COCO
from eval.pycocotools.cocoeval import COCOeval

MOST = 300  # detections per image
FREQUENCIES = ("r", "c", "f")
FIELDS = ("neg_category_ids", "not_exhaustive_category_ids")
FORMAT = " {:<18} {} @[ IoU={:<9} | area={:>6s} | maxDets={:>3d} catIds={:>3s}] = {:0.3f}"


class LVISEval(COCOeval):
    """Evaluate detections on LVIS: `run()`, then `print_results()` or `get_results()`.

    Parameters
    ----------
    lvis_gt
        Ground truth: a COCO object of this package, the path of a file of LVIS, or its content.
    lvis_dt
        Detections: what `loadRes` of the ground truth returned, or what it takes.
    iou_type
        "segm" (masks) or "bbox".

    Attributes
    ----------
    results
        The thirteen figures by name; -1 where no object counts.

    Raises
    ------
    EvaluationError
        The type is unknown, or an image or category lacks a field of LVIS.
    """

    def __init__(
        self,
        lvis_gt: COCO | str | os.PathLike[str] | dict[str, Any],
        lvis_dt: COCO | str | os.PathLike[str] | list[dict[str, Any]],
        iou_type: str = "segm",
    ) -> None:
        if iou_type not in ("bbox", "segm"):
            raise EvaluationError(f"iou_type {iou_type!r}: expected 'bbox' or 'segm'")
        truth = lvis_gt if isinstance(lvis_gt, COCO) else COCO(lvis_gt)
        _check(truth)
        found = lvis_dt if isinstance(lvis_dt, COCO) else truth.loadRes(lvis_dt)
        super().__init__(truth, found, iou_type)
        self.params.maxDets = [MOST]
        self.results: dict[str, float] = {}

    def run(self) -> None:
        """Match, and compute the curves and the figures."""
        self.evaluate()
        self.accumulate()
        self.summarize()

    def summarize(self) -> None:
        """Compute `results` from the curves."""
        if not self.eval:
            raise EvaluationError("summarize: no curves yet; call accumulate() first")
        params, sizes = self.params, ("small", "medium", "large")
        most, groups = params.maxDets[-1], self._groups()
        ap, ar = self._precision, self._recall
        figures = {"AP": ap(), "AP50": ap(iou=0.5), "AP75": ap(iou=0.75)}
        figures |= {f"AP{size[0]}": ap(size) for size in sizes}
        figures |= {f"AP{group}": ap(classes=groups[group]) for group in FREQUENCIES}
        figures |= {f"AR@{most}": ar()} | {f"AR{size[0]}@{most}": ar(size) for size in sizes}
        self.results = figures
        self.stats = np.array(list(figures.values()))

    def get_results(self) -> dict[str, float]:
        """The figures by name."""
        return self.results

    def print_results(self) -> None:
        """Print the figures in the layout of the lvis package."""
        ious, most = self.params.iouThrs, self.params.maxDets[-1]
        for name, value in self.results.items():
            kind = ("Average Precision", "(AP)") if name[1] == "P" else ("Average Recall", "(AR)")
            part = name[2:].partition("@")[0]
            iou = f"{int(part) / 100:0.2f}" if part.isdigit() else f"{ious[0]:0.2f}:{ious[-1]:0.2f}"
            area = part if part in ("s", "m", "l") else "all"
            group = part if part in FREQUENCIES else "all"
            print(FORMAT.format(*kind, iou, area, most, group, value))

    def _prepare(self) -> None:
        """Collect the annotations that count under LVIS's rules, in terms of COCO's.

        Those without area do not exist. A detection that is forgiven gets an infinite area, which
        is outside every range, so that it is ignored without a match.
        """
        ignored = {key: one.get("ignore", 0) for key, one in self.cocoGt.anns.items()}
        super()._prepare()
        gts, dts = defaultdict(list), defaultdict(list)
        for cell, truths in self._gts.items():
            for one in truths:
                if one["area"] > 0:
                    gts[cell].append({**one, "ignore": ignored[one["id"]], "iscrowd": 0})
        absent, in_part = (
            {key: set(image[field]) for key, image in self.cocoGt.imgs.items()} for field in FIELDS
        )
        kept = _best(self.cocoDt, self.params.maxDets[-1])
        for (image, category), found in self._dts.items():
            if (image, category) not in gts and category not in absent[image]:
                continue
            forgiven = {"area": np.inf} if category in in_part[image] else {}
            dts[image, category] = [
                {**one, **forgiven} for one in found if one["id"] in kept and one["area"] > 0
            ]
        self._gts, self._dts = gts, dts

    def _groups(self) -> dict[str, list[int]]:
        """The places of the rare, common and frequent categories."""
        categories = self.cocoGt.loadCats(self.params.catIds)
        return {
            group: [k for k, one in enumerate(categories) if one.get("frequency") == group]
            for group in FREQUENCIES
        }

    def _precision(
        self, area: str = "all", iou: float | None = None, classes: list[int] | None = None
    ) -> float:
        values = self.eval["precision"][:, :, :, self.params.areaRngLbl.index(area), -1]
        if iou is not None:
            values = values[np.flatnonzero(np.equal(self.params.iouThrs, iou))]
        return _mean(values if classes is None else values[:, :, classes])

    def _recall(self, area: str = "all") -> float:
        return _mean(self.eval["recall"][:, :, self.params.areaRngLbl.index(area), -1])


def _check(truth: COCO) -> None:
    for field in FIELDS:
        for key, image in truth.imgs.items():
            if field not in image:
                raise EvaluationError(
                    f"image {key!r:.60} has no {field!r}: the ground truth is no file of LVIS; use "
                    "COCOeval for it"
                )


def _best(found: COCO, most: int) -> set[Any]:
    """Ids of the detections with the highest scores of each image, over all categories."""
    return {
        one["id"]
        for own in found.imgToAnns.values()
        for one in sorted(own, key=lambda one: -one["score"])[:most]
    }


def _mean(values: np.ndarray) -> float:
    known = values[values > -1]
    return float(np.mean(known)) if len(known) else -1.0
