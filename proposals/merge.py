"""Selective search and MultiBox as one ranked list (GoogLeNet paper, section 8).

Selective search covers almost every object, but its ranking is close to random; MultiBox ranks
well, but has few boxes. The merged list therefore interleaves a few MultiBox boxes with one box of
selective search, until one list ends; the rest of the other follows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from proposals.boxes import area
from proposals.checks import check_count
from proposals.result import ProposalError, Proposals

DUPLICATE_IOU = 0.9
PER_SEARCH_BOX = 4  # MultiBox boxes per box of selective search, chosen on a validation split


def merge_proposals(
    searched: Proposals,
    multibox: Proposals,
    *,
    duplicate_iou: float = DUPLICATE_IOU,
    per_search_box: int = PER_SEARCH_BOX,
) -> Proposals:
    """Merge two rankings into one and drop near-duplicates between them.

    Parameters
    ----------
    searched, multibox
        Proposals of one picture by selective search and by MultiBox, both best first.
    duplicate_iou
        A selective-search box whose IoU with a MultiBox box reaches this number is dropped. A
        number of 1 or more drops exact duplicates only.
    per_search_box
        The merged list has one box of `searched` after this many of `multibox`.

    Returns
    -------
    Proposals
        Best first; ``source`` names each box's method. Scores fall evenly with the rank, from 1
        to 1/N, because the two methods' own scores are not comparable.
    """
    if not duplicate_iou > 0:
        raise ProposalError(f"duplicate_iou: expected a number above 0, got {duplicate_iou!r}")
    check_count("per_search_box", per_search_box, least=1)
    keep = np.flatnonzero(
        ~_is_duplicate(searched.boxes_xyxy, multibox.boxes_xyxy, min(duplicate_iou, 1.0))
    )
    # Ranks as if both lists were endless: m, m, m, m, s, m, m, m, m, s ...
    place_multibox = np.arange(len(multibox)) * (1 + 1 / per_search_box)
    place_searched = np.arange(len(keep)) * (1.0 + per_search_box) + per_search_box
    order = np.argsort(np.concatenate([place_multibox, place_searched]), kind="stable")
    count = len(order)
    return Proposals(
        boxes_xyxy=np.concatenate([multibox.boxes_xyxy, searched.boxes_xyxy[keep]])[order],
        scores=(np.arange(count, 0, -1) / max(1, count)).astype(np.float32),
        source=np.concatenate([multibox.source, searched.source[keep]])[order],
    )


def _is_duplicate(
    boxes_xyxy: NDArray[np.float32], others: NDArray[np.float32], iou: float
) -> NDArray[np.bool_]:
    """Which boxes (N,) have an IoU of at least `iou` with one of `others`.

    The areas of two such boxes differ by a factor of at most 1 / `iou`, so among boxes sorted by
    area only neighbours need to be compared.
    """
    is_duplicate = np.zeros(len(boxes_xyxy), bool)
    if not len(others):
        return is_duplicate
    areas = area(boxes_xyxy)
    order = np.argsort(areas, kind="stable")
    ordered, ordered_areas = boxes_xyxy[order], areas[order]
    for other, size in zip(others, area(others), strict=True):
        # The range is slightly wider than exact because areas are rounded.
        low, high = np.searchsorted(ordered_areas, (size * iou * 0.999, size / iou * 1.001))
        if low == high:
            continue
        near = ordered[low:high]
        sides = np.minimum(near[:, 2:], other[2:]) - np.maximum(near[:, :2], other[:2])
        shared = np.maximum(sides, 0).prod(axis=1)
        is_duplicate[order[low:high]] |= shared >= iou * (ordered_areas[low:high] + size - shared)
    return is_duplicate
