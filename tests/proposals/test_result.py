"""Proposals check their arrays and can be indexed."""

import numpy as np
import pytest

from proposals import ProposalError, Proposals


def make(count: int = 4) -> Proposals:
    boxes = np.arange(4 * count, dtype=np.float32).reshape(count, 4)
    scores = np.linspace(1, 0.1, count, dtype=np.float32)
    return Proposals(boxes, scores, np.full(count, "test"))


def test_length_and_subsets():
    proposals = make()
    assert len(proposals) == 4
    assert len(make(0)) == 0
    assert proposals[1:3].boxes_xyxy.tolist() == [[4, 5, 6, 7], [8, 9, 10, 11]]
    assert proposals[np.array([3, 0])].scores.tolist() == proposals.scores[[3, 0]].tolist()
    assert len(proposals[proposals.scores > 0.5]) == 2
    assert len(proposals[[]]) == 0
    assert proposals[[2]].source.tolist() == ["test"]


def test_they_are_described_on_one_line():
    two = np.array(["selective_search", "multibox", "selective_search"])
    boxes, scores = np.zeros((3, 4), np.float32), np.ones(3, np.float32)
    described = repr(Proposals(boxes, scores, two))
    assert described == "3 proposals: 1 multibox, 2 selective_search"
    assert repr(make(1)) == "1 proposal: 1 test" and repr(make(0)) == "0 proposals"


def test_a_single_index_is_rejected_with_a_remedy():
    with pytest.raises(TypeError, match=r"proposals\[i : i \+ 1\]"):
        make()[0]
    with pytest.raises(IndexError):
        make()[[9]]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("boxes_xyxy", np.zeros((3, 5), np.float32), r"expected \(N, 4\) float32.*\(3, 5\)"),
        ("boxes_xyxy", np.zeros((3, 4)), "float64"),
        ("boxes_xyxy", [[0, 0, 1, 1]], "expected a numpy array, got list"),
        ("scores", np.zeros(2, np.float32), r"expected \(3,\) float32.*\(2,\)"),
        ("source", np.zeros(3, np.float32), r"expected \(3,\) str"),
    ],
)
def test_wrong_arrays_are_named(field, value, message):
    arrays = {
        "boxes_xyxy": np.zeros((3, 4), np.float32),
        "scores": np.zeros(3, np.float32),
        "source": np.full(3, "test"),
    }
    with pytest.raises(ProposalError, match=f"Proposals.{field}.*{message}"):
        Proposals(**arrays | {field: value})
