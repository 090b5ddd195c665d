"""The annotations of an evaluation as arrays, grouped by category and image."""

from __future__ import annotations

import copy
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from eval.pycocotools.annotations import Annotations, Dicts
from eval.pycocotools.masks.shapes import compress
from eval.pycocotools.params import Params
from eval.pycocotools.text_records import TextRecords

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
    ids, gt_ids
        Their ids.
    starts, gt_starts
        (groups + 1,) int64: group i owns rows starts[i] to starts[i + 1].
    ranks
        (D,) int64, place of each detection within its group.
    scores
        (D,) float64.
    """

    cells: np.ndarray
    detections: Annotations
    truths: Annotations
    ids: list
    gt_ids: list
    starts: np.ndarray
    gt_starts: np.ndarray
    ranks: np.ndarray
    scores: np.ndarray

    def rows(self, category: int) -> slice:
        """The detections of a category."""
        first, last = np.searchsorted(self.cells[:, 0], [category, category + 1])
        return slice(int(self.starts[first]), int(self.starts[last]))


@dataclass(frozen=True, eq=False)
class Side:
    """The ground truth or the detections of an evaluation, N annotations.

    Attributes
    ----------
    keys
        (N,) int64, number of each one's group: category by category, in each one image by image.
    categories
        (N,) int64, place of its category in the parameters' list.
    """

    annotations: Annotations
    keys: np.ndarray
    categories: np.ndarray


def group(truth: Side, results: Side, params: Params) -> Groups:
    """The groups of two sides."""
    order = np.lexsort((truth.categories, truth.keys))  # stable
    truths, gt_keys = truth.annotations.take(order), truth.keys[order]
    scores = results.annotations.numbers("score")
    order = np.lexsort((results.categories, -scores, results.keys))
    keys = results.keys[order]
    cells = np.union1d(keys, gt_keys)
    ranks = np.arange(len(keys)) - np.searchsorted(keys, keys)
    kept = ranks < params.maxDets[-1]
    order, keys = order[kept], keys[kept]
    detections = results.annotations.take(order)
    return Groups(
        cells=np.stack(np.divmod(cells, max(len(params.imgIds), 1)), axis=1),
        detections=detections,
        truths=truths,
        ids=detections.ids(),
        gt_ids=truths.ids(),
        starts=np.append(np.searchsorted(keys, cells), len(keys)),
        gt_starts=np.append(np.searchsorted(gt_keys, cells), len(gt_keys)),
        ranks=ranks[kept],
        scores=scores[order],
    )


def single(found: list[dict], truths: list[dict]) -> Groups:
    """One group of detections by falling score, and objects."""
    detections, objects = Dicts(found), Dicts(truths)
    return Groups(
        cells=np.zeros((1, 2), dtype=np.int64),
        detections=detections,
        truths=objects,
        ids=detections.ids(),
        gt_ids=objects.ids(),
        starts=np.array([0, len(found)]),
        gt_starts=np.array([0, len(truths)]),
        ranks=np.arange(len(found)),
        scores=detections.numbers("score"),
    )


def cells_of(coco: Any, params: Params, *, objects: bool) -> ByCell:
    """The annotations by image id and category id; what pycocotools changes in them is changed."""
    filters = {"imgIds": params.imgIds}
    if params.useCats:
        filters["catIds"] = params.catIds
    annotations = coco.loadAnns(coco.getAnnIds(**filters))
    if params.iouType == "segm":
        compress(coco, annotations)
    cells: ByCell = defaultdict(list)
    for one in annotations:
        cells[one["image_id"], one["category_id"]].append(one)
        if objects:
            one["ignore"] = one.get("iscrowd", 0)
            if params.iouType == "keypoints":
                one["ignore"] = one["num_keypoints"] == 0 or one["ignore"]
    return cells


def side_of_cells(cells: ByCell, params: Params) -> Side:
    """The annotations of all cells (image id, category id)."""
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
    annotations = Dicts([one for cell in own for one in cell[2]])
    return Side(annotations, _keys(image_places, category_places, params), category_places)


def sides_of_text(truth: Any, results: Any, params: Params) -> tuple[Side, Side] | None:
    """Ground truth and results that are both still text; None if dicts must be used.

    Dicts that are made later are changed as those of `cells_of`.
    """
    pair: list[Any] = [getattr(coco, "unread", None) for coco in (truth, results)]
    tables = [_places(ids) for ids in (params.imgIds, params.catIds)]
    if None in pair or None in tables or params.iouType == "keypoints":
        return None
    for unread in pair:
        records = unread.records
        if params.iouType == "bbox" and records.xywh is None:
            return None
        if params.iouType == "segm" and not records.shapes[:, 0].all():
            return None
    sides = []
    for unread, objects in zip(pair, (True, False), strict=True):
        sides.append(_side(unread.records, tables, params))
        unread.changes.append(partial(cells_of, params=copy.deepcopy(params), objects=objects))
    return sides[0], sides[1]


def _places(ids: list[Any]) -> tuple[np.ndarray, np.ndarray] | None:
    """Ids in rising order and their places in a list; None unless all are different integers."""
    keys = np.array(ids)
    if keys.dtype.kind != "i" and len(keys):
        return None
    order = np.argsort(keys, kind="stable")
    return (keys[order].astype(np.int64), order) if len(np.unique(keys)) == len(keys) else None


def _side(records: TextRecords, tables: Any, params: Params) -> Side:
    """The records of images and categories that are evaluated."""
    known = np.ones(len(records.images), dtype=bool)
    found = []
    for ids, (keys, order) in zip((records.images, records.categories), tables, strict=True):
        rows = np.minimum(np.searchsorted(keys, ids), max(len(keys) - 1, 0))
        known &= keys[rows] == ids if len(keys) else False
        found.append(order[rows] if len(keys) else rows)
    kept = np.flatnonzero(known)
    images, categories = found[0][kept], found[1][kept]
    return Side(records.take(kept), _keys(images, categories, params), categories)


def _keys(images: np.ndarray, categories: np.ndarray, params: Params) -> np.ndarray:
    """The numbers of the groups of images and categories, given as places."""
    return images + (categories * len(params.imgIds) if params.useCats else 0)
