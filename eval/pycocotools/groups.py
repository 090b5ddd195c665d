"""The annotations of an evaluation as arrays, grouped by category and image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from eval.errors import EvaluationError
from eval.pycocotools.params import Params

ByCell = dict[tuple[Any, Any], list[dict]]


@dataclass(frozen=True, eq=False)
class Groups:
    """Detections and objects of each category and image that have any, in order of the parameters.

    Attributes
    ----------
    cells
        (groups, 2) int64, places of the category and of the image in the parameters' lists.
    detections, truths
        Annotations group by group: detections by falling score up to the largest limit.
    starts, gt_starts
        (groups + 1,) int64: group i owns rows starts[i] to starts[i + 1].
    ranks
        (D,) int64, place of each detection within its group.
    scores
        (D,) float64.
    """

    cells: np.ndarray
    detections: list[dict]
    truths: list[dict]
    starts: np.ndarray
    gt_starts: np.ndarray
    ranks: np.ndarray
    scores: np.ndarray

    def rows(self, category: int) -> slice:
        """The detections of a category."""
        first, last = np.searchsorted(self.cells[:, 0], [category, category + 1])
        return slice(int(self.starts[first]), int(self.starts[last]))


def group(gts: ByCell, dts: ByCell, params: Params) -> Groups:
    """Collect the annotations of all cells (image id, category id)."""
    cells, truths, found, sizes, gt_sizes = [], [], [], [], []
    for cell, own_gts, own_dts in _filled(gts, dts, params):
        cells.append(cell)
        truths += own_gts
        found += own_dts
        gt_sizes.append(len(own_gts))
        sizes.append(len(own_dts))
    scores = column(found, "score")
    groups = np.repeat(np.arange(len(cells)), np.array(sizes, dtype=np.int64))
    order = np.lexsort((-scores, groups))  # stable
    ranks = np.arange(len(order)) - np.repeat(_starts(sizes)[:-1], sizes)
    kept = ranks < params.maxDets[-1]
    order = order[kept]
    return Groups(
        cells=np.array(cells, dtype=np.int64).reshape(-1, 2),
        detections=[found[row] for row in order.tolist()],
        truths=truths,
        starts=_starts(np.bincount(groups[order], minlength=len(cells))),
        gt_starts=_starts(gt_sizes),
        ranks=ranks[kept],
        scores=scores[order],
    )


def column(annotations: list[dict], key: str) -> np.ndarray:
    """One number of each annotation, float64."""
    return np.array(values(annotations, key), dtype=np.float64).reshape(-1)


def values(annotations: list[dict], key: str) -> list:
    """One value of each annotation.

    Raises
    ------
    EvaluationError
        An annotation has no such value.
    """
    try:
        return [one[key] for one in annotations]
    except KeyError:
        owner = next(one for one in annotations if key not in one)
        raise EvaluationError(
            f"annotation {owner.get('id')} of image {owner.get('image_id')}: no {key!r}, which the "
            "evaluation needs; add it"
        ) from None


def boxes_of(annotations: list[dict]) -> np.ndarray:
    """(N, 4) float64 boxes, xywh in pixels."""
    boxes = np.array(values(annotations, "bbox"), dtype=np.float64)
    return boxes.reshape(-1, 4)


def crowds_of(annotations: list[dict]) -> np.ndarray:
    """(N,) uint8: whether an annotation is a crowd; one that does not say is none."""
    return np.array([bool(int(one.get("iscrowd", 0))) for one in annotations], dtype=np.uint8)


def _filled(gts: ByCell, dts: ByCell, params: Params) -> Any:
    """Place, objects and detections of each group that has any."""
    if params.useCats:
        images = {one: place for place, one in enumerate(params.imgIds)}
        categories = {one: place for place, one in enumerate(params.catIds)}
        places = {
            (categories[category], images[image]): (image, category)
            for image, category in [*gts, *dts]
            if image in images and category in categories
        }
        for place in sorted(places):
            own = gts.get(places[place], []), dts.get(places[place], [])
            if own[0] or own[1]:
                yield place, *own
        return
    for number, image in enumerate(params.imgIds):
        cells = [(image, category) for category in params.catIds]
        own_gts, own_dts = (
            [one for cell in cells for one in side.get(cell, ())] for side in (gts, dts)
        )
        if own_gts or own_dts:
            yield (0, number), own_gts, own_dts


def _starts(sizes: Any) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)]).astype(np.int64)
