"""Selective search and MultiBox as one ranked list (GoogLeNet paper, section 8).

Selective search finds almost everything but hardly knows what is likely; MultiBox knows what is
likely but has few boxes. MultiBox's leads therefore come first, with a selective-search box
after every few of them, and the rest of selective search follows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from proposals.boxes import area
from proposals.checks import check_count
from proposals.result import ProposalError, Proposals

DUPLICATE_IOU = 0.9
# MultiBox boxes for one of selective search; chosen on a validation split
PER_SEARCH_BOX = 4


def merge_proposals(
    searched: Proposals,
    multibox: Proposals,
    *,
    duplicate_iou: float = DUPLICATE_IOU,
    per_search_box: int = PER_SEARCH_BOX,
) -> Proposals:
    """Merge two rankings into one, without near-duplicates between them.

    Parameters
    ----------
    searched, multibox
        Proposals of one picture, each best first.
    duplicate_iou
        A selective-search box that overlaps a MultiBox box at least this much is dropped: the
        latter stays. With 1 or more only exact duplicates go.
    per_search_box
        The merged list has one box of `searched` after this many of `multibox`, until one ends.

    Returns
    -------
    Proposals
        Best first, ``source`` kept. Scores fall evenly with the rank, from 1 to 1/N: the two
        methods' own scores do not compare.
    """
    if not duplicate_iou > 0:
        raise ProposalError(f"duplicate_iou: expected a number above 0, got {duplicate_iou!r}")
    check_count("per_search_box", per_search_box, least=1)
    keep = np.flatnonzero(
        ~_is_duplicate(searched.boxes_xyxy, multibox.boxes_xyxy, min(duplicate_iou, 1.0))
    )
    # Place in the merged list, were both endless: m, m, m, m, s, m, m, m, m, s ...
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
    """Which boxes (N,) overlap one of `others` at least `iou`.

    Boxes that overlap so much have areas within a factor of `iou`: sorted by area, only those
    near by need to be compared.
    """
    found = np.zeros(len(boxes_xyxy), bool)
    if not len(others):
        return found
    areas = area(boxes_xyxy)
    order = np.argsort(areas, kind="stable")
    ordered, ordered_areas = boxes_xyxy[order], areas[order]
    for other, size in zip(others, area(others), strict=True):
        # a little wider than exact, for rounding
        low, high = np.searchsorted(ordered_areas, (size * iou * 0.999, size / iou * 1.001))
        if low == high:
            continue
        near = ordered[low:high]
        sides = np.minimum(near[:, 2:], other[2:]) - np.maximum(near[:, :2], other[:2])
        shared = np.maximum(sides, 0).prod(axis=1)
        found[order[low:high]] |= shared >= iou * (ordered_areas[low:high] + size - shared)
    return found
