"""The annotations of an evaluation as arrays, grouped by category and image."""

from __future__ import annotations

from collections import defaultdict
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
    truths, gt_keys, gt_categories = _rows(gts, params)
    order = np.lexsort((gt_categories, gt_keys))
    truths, gt_keys = [truths[row] for row in order.tolist()], gt_keys[order]
    found, keys, categories = _rows(dts, params)
    scores = column(found, "score")
    order = np.lexsort((categories, -scores, keys))  # stable
    keys = keys[order]
    cells = np.union1d(keys, gt_keys)
    ranks = np.arange(len(keys)) - np.searchsorted(keys, keys)
    kept = ranks < params.maxDets[-1]
    order, keys = order[kept], keys[kept]
    return Groups(
        cells=np.stack(np.divmod(cells, max(len(params.imgIds), 1)), axis=1),
        detections=[found[row] for row in order.tolist()],
        truths=truths,
        starts=np.append(np.searchsorted(keys, cells), len(keys)),
        gt_starts=np.append(np.searchsorted(gt_keys, cells), len(gt_keys)),
        ranks=ranks[kept],
        scores=scores[order],
    )


def single(detections: list[dict], truths: list[dict]) -> Groups:
    """One group of detections by falling score, and objects."""
    return Groups(
        cells=np.zeros((1, 2), dtype=np.int64),
        detections=detections,
        truths=truths,
        starts=np.array([0, len(detections)]),
        gt_starts=np.array([0, len(truths)]),
        ranks=np.arange(len(detections)),
        scores=column(detections, "score"),
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


def _rows(cells: ByCell, params: Params) -> tuple[list[dict], np.ndarray, np.ndarray]:
    """Annotations, the number of each one's group, and the place of its category.

    Groups are numbered category by category, and in each one image by image.
    """
    images = {one: place for place, one in enumerate(params.imgIds)}
    categories = defaultdict(list)
    for place, one in enumerate(params.catIds):
        categories[one].append(place)  # without categories, repeated ids count again
    own = [
        (images[image], place, annotations)
        for (image, category), annotations in cells.items()
        if image in images and category in categories
        for place in categories[category]
    ]
    sizes = [len(one[2]) for one in own]
    image_places, category_places = (
        np.repeat(np.array([one[side] for one in own], dtype=np.int64), sizes) for side in (0, 1)
    )
    keys = image_places + (category_places * len(images) if params.useCats else 0)
    return [one for cell in own for one in cell[2]], keys, category_places
