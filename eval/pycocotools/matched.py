"""The matches of all groups, and how COCOeval's attributes show them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from eval.errors import EvaluationError
from eval.pycocotools.compiled.kernels import IGNORED, match_groups, overlap_groups
from eval.pycocotools.groups import Groups
from eval.pycocotools.masks import runs
from eval.pycocotools.masks.run_kernels import overlap_masks
from eval.pycocotools.params import Params


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Group i owns ious[starts[i]:starts[i + 1]], (detections, objects), or nothing."""

    ious: np.ndarray
    starts: np.ndarray


@dataclass(frozen=True, eq=False)
class Matched:
    """The matches at all thresholds and areas.

    Attributes
    ----------
    gt_ignored
        (areas, objects) uint8.
    partners
        (areas, thresholds, detections) int32, the row of the matched object, or -1.
    states
        (areas, thresholds, detections) int8: FALSE, TRUE or IGNORED (see kernels).
    """

    groups: Groups
    overlaps: Overlaps
    gt_ignored: np.ndarray
    partners: np.ndarray
    states: np.ndarray


def box_overlaps(groups: Groups) -> Overlaps:
    """The IoUs of boxes; for a crowd, the share of the detection inside it."""
    starts = _pair_starts(groups)
    ious = np.zeros(starts[-1])
    overlap_groups(
        groups.starts, groups.gt_starts, starts, groups.detections.boxes(), groups.truths.boxes(),
        groups.truths.crowds(), ious,
    )  # fmt: skip
    return Overlaps(ious, starts)


def mask_overlaps(groups: Groups) -> Overlaps:
    """The IoUs of masks, as box_overlaps; each `segmentation` is a compressed RLE.

    Raises
    ------
    EvaluationError
        A mask is damaged, or covers more pixels than its image has.
    """
    starts = _pair_starts(groups)
    counts, gt_counts = np.diff(groups.starts), np.diff(groups.gt_starts)
    needed, gt_needed = np.repeat(gt_counts > 0, counts), np.repeat(counts > 0, gt_counts)
    detections, truths = groups.detections, groups.truths

    def owner(row: int) -> dict[str, Any]:
        found = len(groups.scores)
        return detections.owner(row) if row < found else truths.owner(row - found)

    texts = detections.masks(needed).followed_by(truths.masks(gt_needed))
    read = runs.read(texts, owner)
    ious = np.empty(starts[-1])
    overlap_masks(
        groups.starts, groups.gt_starts, starts, read.lengths, read.starts, read.sizes, read.areas,
        read.boxes, truths.crowds(), ious,
    )  # fmt: skip
    if (ious == runs.INCOMPARABLE).any():
        raise EvaluationError(runs.too_long(read, owner))
    return Overlaps(ious, starts)


def overlaps_by(function: Callable[[Any, Any], Any], groups: Groups, params: Params) -> Overlaps:
    """What a function of image id and category id gives, for instance the IoUs of masks."""
    parts = [
        np.asarray(function(*ids_of(cell, params)), dtype=np.float64).ravel()
        for cell in groups.cells
    ]
    starts = np.concatenate([[0], np.cumsum([len(part) for part in parts], dtype=np.int64)])
    return Overlaps(np.concatenate([*parts, np.empty(0)]), starts.astype(np.int64))


def match(groups: Groups, overlaps: Overlaps, iou_thresholds: Any, area_ranges: Any) -> Matched:
    """Match all groups at all thresholds and areas."""
    thresholds = np.array(iou_thresholds, dtype=np.float64).reshape(-1)
    low, high = np.array(area_ranges, dtype=np.float64).reshape(-1, 2).T[:, :, None]
    gt_areas, areas = groups.truths.numbers("area"), groups.detections.numbers("area")
    gt_ignored = (groups.truths.ignored() | (gt_areas < low) | (gt_areas > high)).astype(np.uint8)
    outside = ((areas < low) | (areas > high)).astype(np.uint8)
    most = int(np.diff(groups.gt_starts).max(initial=0))
    partners = np.empty((len(low), len(thresholds), len(areas)), dtype=np.int32)
    states = np.empty(partners.shape, dtype=np.int8)
    match_groups(
        groups.starts, groups.gt_starts, overlaps.starts, overlaps.ious, thresholds,
        np.array(groups.ids, dtype=np.float64), np.array(groups.gt_ids, dtype=np.float64),
        groups.truths.crowds(), gt_ignored, outside, np.empty(most, np.int64), np.empty(most),
        np.zeros((*partners.shape[:2], len(gt_areas)), np.uint8), partners, states,
    )  # fmt: skip
    return Matched(groups, overlaps, gt_ignored, partners, states)


def ids_of(cell: Any, params: Params) -> tuple[Any, Any]:
    """Image id and category id of a group."""
    return params.imgIds[cell[1]], params.catIds[cell[0]] if params.useCats else -1


def ious_of(matched: Matched, params: Params) -> dict[tuple[Any, Any], Any]:
    """The overlaps by image id and category id; [] for a pair without detections or objects."""
    categories = params.catIds if params.useCats else [-1]
    result: dict[tuple[Any, Any], Any] = {
        (image, category): [] for image in params.imgIds for category in categories
    }
    groups, starts = matched.groups, matched.overlaps.starts
    for i, cell in enumerate(groups.cells):
        if starts[i + 1] > starts[i]:
            shape = (groups.starts[i + 1] - groups.starts[i], -1)
            result[ids_of(cell, params)] = matched.overlaps.ious[starts[i] : starts[i + 1]].reshape(
                shape
            )
    return result


def images_of(matched: Matched, params: Params) -> list[dict | None]:
    """pycocotools' evalImgs: a dict by category, area and image; None without annotations."""
    areas, images = len(params.areaRng), len(params.imgIds)
    categories = len(params.catIds) if params.useCats else 1
    result: list[dict | None] = [None] * (categories * areas * images)
    for i, (category, image) in enumerate(matched.groups.cells.tolist()):
        for a in range(areas):
            result[(category * areas + a) * images + image] = {
                **dict(
                    zip(("image_id", "category_id"), ids_of((category, image), params), strict=True)
                ),
                "aRng": params.areaRng[a],
                "maxDet": params.maxDets[-1],
                **matches_of(matched, i, a),
            }
    return result


def matches_of(matched: Matched, i: int, a: int) -> dict[str, Any]:
    """The keys of evalImgs that describe the matches of group i in area range a."""
    groups = matched.groups
    rows = slice(*groups.starts[i : i + 2].tolist())
    gt_rows = slice(*groups.gt_starts[i : i + 2].tolist())
    gt_ignored = matched.gt_ignored[a, gt_rows].astype(np.int64)
    order = np.argsort(gt_ignored, kind="stable")
    ids, gt_ids = groups.ids[rows], groups.gt_ids[gt_rows]
    gt_ids = [gt_ids[k] for k in order.tolist()]
    # The places of the matched objects after sorting; the last place stands for no match.
    places = np.empty(len(order) + 1, dtype=np.int64)
    places[order], places[-1] = np.arange(len(order)), -1
    partners = matched.partners[a, :, rows]
    partners = places[np.where(partners < 0, len(order), partners - gt_rows.start)]
    gt_matches = np.zeros((len(partners), len(gt_ids)))
    for d, identity in enumerate(ids):  # in order: the last detection of a crowd remains
        thresholds = np.flatnonzero(partners[:, d] >= 0)
        gt_matches[thresholds, partners[thresholds, d]] = identity
    return {
        "dtIds": ids,
        "gtIds": gt_ids,
        "dtMatches": np.array([*gt_ids, 0.0], dtype=np.float64)[partners],
        "gtMatches": gt_matches,
        "dtScores": groups.scores[rows].tolist(),
        "gtIgnore": gt_ignored[order],
        "dtIgnore": matched.states[a, :, rows] == IGNORED,
    }


def _pair_starts(groups: Groups) -> np.ndarray:
    pairs = np.diff(groups.starts) * np.diff(groups.gt_starts)
    return np.concatenate([[0], np.cumsum(pairs)]).astype(np.int64)
