"""Merging two rankings: order, duplicates, sources."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proposals import ProposalError, Proposals
from proposals.boxes import intersection_over_union
from proposals.merge import merge_proposals


def ranked(boxes, source: str) -> Proposals:
    boxes = np.array(boxes, np.float32).reshape(-1, 4)
    scores = np.linspace(1, 0.1, len(boxes)).astype(np.float32)
    return Proposals(boxes, scores, np.full(len(boxes), source))


def row(count: int, offset: float) -> list[list[float]]:
    return [[20 * i + offset, 0, 20 * i + offset + 9, 9] for i in range(count)]


def test_one_box_of_selective_search_after_every_few_of_multibox():
    searched, multibox = ranked(row(5, 0), "selective_search"), ranked(row(4, 10), "multibox")
    merged = merge_proposals(searched, multibox, per_search_box=2)
    letters = "".join(source[0] for source in merged.source)
    assert letters == "mmsmmssss"
    expected = [10, 30, 0, 50, 70, 20, 40, 60, 80]  # left edges
    assert merged.boxes_xyxy[:, 0].tolist() == expected
    np.testing.assert_allclose(merged.scores, np.arange(9, 0, -1) / 9, rtol=1e-6)


def test_near_duplicates_are_dropped_from_selective_search_only():
    multibox = ranked([[0, 0, 100, 100], [0, 0, 100, 98]], "multibox")
    searched = ranked(
        [[0, 0, 100, 95], [0, 0, 100, 89], [200, 200, 300, 300], [0, 0, 100, 100]],
        "selective_search",
    )
    merged = merge_proposals(searched, multibox)
    kept = merged.boxes_xyxy[merged.source == "selective_search"].tolist()
    # Best IoU of each with MultiBox: 0.969, 0.908, 0 and 1; all but 0 exceed 0.9.
    assert kept == [[200, 200, 300, 300]]
    exact = merge_proposals(searched, multibox, duplicate_iou=1.0)
    assert len(exact) == 5


def test_either_may_be_empty():
    nothing, some = ranked([], "multibox"), ranked(row(3, 0), "selective_search")
    merged = merge_proposals(some, nothing)
    assert merged.boxes_xyxy.tolist() == some.boxes_xyxy.tolist()
    assert set(merge_proposals(nothing, ranked(row(2, 0), "multibox")).source) == {"multibox"}
    assert len(merge_proposals(nothing, nothing)) == 0


@given(st.integers(0, 40), st.integers(0, 20), st.sampled_from([0.5, 0.7, 0.9, 1.0]),
       st.integers(1, 6), st.integers(0, 10_000))  # fmt: skip
@settings(max_examples=80, deadline=None)
def test_only_duplicates_are_dropped(searched_count, multibox_count, iou, per_box, seed):
    rng = np.random.default_rng(seed)
    low = rng.integers(0, 6, (searched_count + multibox_count, 2)) * 10.0
    boxes = np.concatenate([low, low + rng.integers(1, 4, low.shape) * 10], axis=1)
    searched = ranked(boxes[:searched_count], "selective_search")
    multibox = ranked(boxes[searched_count:], "multibox")
    merged = merge_proposals(searched, multibox, duplicate_iou=iou, per_search_box=per_box)
    from_multibox = merged.source == "multibox"
    assert merged.boxes_xyxy[from_multibox].tolist() == multibox.boxes_xyxy.tolist()
    overlap = intersection_over_union(searched.boxes_xyxy, multibox.boxes_xyxy)
    is_kept = (overlap < iou).all(axis=1) if multibox_count else np.ones(searched_count, bool)
    assert merged.boxes_xyxy[~from_multibox].tolist() == searched.boxes_xyxy[is_kept].tolist()


def test_bad_options_are_explained():
    some = ranked(row(2, 0), "multibox")
    with pytest.raises(ProposalError, match="duplicate_iou: expected a number above 0, got 0"):
        merge_proposals(some, some, duplicate_iou=0)
    with pytest.raises(ProposalError, match="per_search_box: expected a whole number >= 1"):
        merge_proposals(some, some, per_search_box=0)
