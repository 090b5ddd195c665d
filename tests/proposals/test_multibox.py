"""MultiBox: assignment and loss against values by hand and brute force; heads, decoding, boxes."""

from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from proposals import ProposalError
from proposals.boxes import intersection_over_union
from proposals.multibox import MultiBox
from proposals.multibox_loss import BACKGROUND, UNUSED, assign, multibox_losses, stack
from proposals.multibox_priors import Priors, grid_priors

GRIDS, SHAPES = (4, 2), (2, 3)


def priors_of(boxes) -> Priors:
    mean = np.array(boxes, np.float32)
    return Priors(mean, np.full_like(mean, 0.1))


@pytest.fixture
def model() -> MultiBox:
    torch.manual_seed(0)
    boxes = np.random.default_rng(0).uniform(0, 0.6, (50, 4))
    boxes[:, 2:] = boxes[:, :2] + 0.05 + boxes[:, 2:] / 2
    return MultiBox(grid_priors(boxes, GRIDS, SHAPES), GRIDS, SHAPES, inputs=6, channels=8).eval()


def test_assignment_minimises_the_sum_not_each_distance():
    """Both objects are nearest to prior 0; the greedy choice for the first has a larger sum."""
    priors = priors_of([[0, 0, 0.4, 0.4], [0.5, 0.5, 0.9, 0.9]])
    objects = np.array([[0.05, 0.05, 0.45, 0.45], [0, 0, 0.41, 0.41]], np.float32)
    targets = assign(priors, objects, np.zeros(2, bool))
    assert targets.truth.tolist() == [1, 0]
    np.testing.assert_allclose(targets.locations[0], [0, 0, 0.1, 0.1], atol=1e-5)
    np.testing.assert_allclose(targets.locations[1], [-4.5] * 4, rtol=1e-5)


@given(st.integers(1, 4), st.integers(4, 6), st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_assignment_has_the_least_sum_of_all(objects, priors, seed):
    rng = np.random.default_rng(seed)
    low = rng.uniform(0, 0.5, (objects + priors, 2))
    boxes = np.concatenate([low, low + rng.uniform(0.1, 0.5, low.shape)], 1).astype(np.float32)
    truths, means = boxes[:objects], priors_of(boxes[objects:])
    targets = assign(means, truths, np.zeros(objects, bool))
    rows = targets.truth[targets.truth >= 0]
    assert sorted(rows) == list(range(objects))  # every object once, no prior twice

    def cost(columns):
        return sum(
            (((truths[j] - means.mean[i]) / means.std[i]) ** 2).sum() for j, i in enumerate(columns)
        )

    chosen = [int(np.flatnonzero(targets.truth == j)[0]) for j in range(objects)]
    best = min(cost(columns) for columns in permutations(range(priors), objects))
    assert cost(chosen) == pytest.approx(best, rel=1e-4)


def test_priors_near_ignored_objects_have_no_confidence_loss():
    priors = priors_of(
        [[0, 0, 0.2, 0.2], [0.3, 0, 0.5, 0.2], [0.5, 0.5, 1, 1], [0.6, 0.6, 0.7, 0.7]]
    )
    objects = np.array([[0.01, 0, 0.2, 0.2], [0.5, 0.5, 1, 0.95]], np.float32)
    targets = assign(priors, objects, np.array([False, True]))
    assert targets.truth.tolist() == [0, BACKGROUND, UNUSED, UNUSED]
    # An object inside a crowd keeps its prior.
    inside = np.array([[0.6, 0.6, 0.7, 0.7], [0.5, 0.5, 1, 0.95]], np.float32)
    assert assign(priors, inside, np.array([False, True])).truth[3] == 0
    nothing = assign(priors, np.zeros((0, 4), np.float32), np.zeros(0, bool))
    assert (nothing.truth == BACKGROUND).all() and not nothing.locations.any()


def test_near_priors_may_be_assigned_to_the_object_too():
    priors = priors_of([[0, 0, 0.4, 0.4], [0, 0, 0.4, 0.3], [0.6, 0.6, 0.9, 0.9]])
    objects = np.array([[0, 0, 0.4, 0.4]], np.float32)
    ignored = np.zeros(1, bool)
    assert assign(priors, objects, ignored).truth.tolist() == [0, BACKGROUND, BACKGROUND]
    near = assign(priors, objects, ignored, extra_iou=0.7)  # the second prior has IoU 0.75
    assert near.truth.tolist() == [0, 0, BACKGROUND]
    np.testing.assert_allclose(near.locations[1], [0, 0, 0, 1], atol=1e-5)


def test_the_loss_by_hand():
    """Two priors of two pictures: one object, one background, one unused, one background."""
    outputs = torch.tensor([[[1.0, 0, 0, 2.0], [9, 9, 9, 9]], [[9, 9, 9, 9], [9, 9, 9, 9]]])
    logits = torch.tensor([[0.0, np.log(3.0)], [5.0, -np.log(4.0)]])
    truth = torch.tensor([[0, BACKGROUND], [UNUSED, BACKGROUND]])
    locations = torch.zeros(2, 2, 4)
    locations[0, 0, 0] = 2.0
    losses = multibox_losses(outputs, logits, truth, locations, alpha=0.3)
    assert losses["locations"].item() == pytest.approx(0.3 * 0.5 * (1 + 4))
    # -log 0.5, -log(1 - 0.75), -log(1 - 0.2)
    assert losses["confidence"].item() == pytest.approx(np.log(2) + np.log(4) + np.log(1.25))


def test_a_batch_without_objects_has_a_finite_loss():
    targets = [
        assign(priors_of([[0, 0, 1, 1]]), np.zeros((0, 4), np.float32), np.zeros(0, bool))
    ] * 2
    losses = multibox_losses(torch.zeros(2, 1, 4), torch.zeros(2, 1), *stack(targets), alpha=1.0)
    assert losses["locations"] == 0
    assert losses["confidence"].item() == pytest.approx(2 * np.log(2))


@pytest.mark.parametrize("size", [(1, 1), (3, 9), (34, 45)])
def test_maps_of_any_size_give_one_output_per_prior(model: MultiBox, size):
    outputs, logits = model(torch.rand(2, 6, *size))
    count = 4 * 4 * 2 + 2 * 2 * 3
    assert outputs.shape == (2, count, 4) and logits.shape == (2, count)


def test_zero_outputs_decode_to_the_priors_within_the_picture(model: MultiBox):
    corners = model.decode(torch.zeros(1, 44, 4))[0].numpy()
    np.testing.assert_allclose(corners, np.clip(model.priors_mean.numpy(), 0, 1))
    turned = model.decode(torch.randn(3, 44, 4) * 50)
    assert (turned >= 0).all() and (turned <= 1).all()
    assert (turned[..., 2:] >= turned[..., :2]).all()


def test_a_cell_s_outputs_belong_to_priors_around_it(model: MultiBox):
    """With light in one corner, outputs change only in the cells of the 4x4 grid next to it."""
    quiet, lit = torch.zeros(1, 6, 8, 8), torch.zeros(1, 6, 8, 8)
    lit[..., 6:, :2] = 10  # bottom left
    with torch.no_grad():
        change = (model(lit)[0] - model(quiet)[0]).abs().sum(2)[0, :32].numpy()
    middles = ((model.priors_mean[:32, :2] + model.priors_mean[:32, 2:]) / 2).numpy()
    is_near = (middles[:, 0] < 0.5) & (middles[:, 1] > 0.5)
    assert is_near.sum() == 8
    assert (change[is_near] > 0).all() and not change[~is_near].any()


def test_boxes_lie_in_the_picture_best_first_and_apart(model: MultiBox):
    with torch.inference_mode():
        proposals = model.propose(torch.rand(1, 6, 20, 30), height=120, width=200)
    assert 0 < len(proposals) <= 44 and set(proposals.source) == {"multibox"}
    assert (proposals.boxes_xyxy >= 0).all() and (
        proposals.boxes_xyxy <= [200, 120, 200, 120]
    ).all()
    assert (
        np.diff(proposals.scores) <= 0
    ).all() and 0 < proposals.scores.min() <= proposals.scores.max() < 1
    overlap = intersection_over_union(proposals.boxes_xyxy, proposals.boxes_xyxy)
    np.fill_diagonal(overlap, 0)
    assert overlap.max() <= 0.5 + 1e-5
    with torch.inference_mode():
        fewer = model.propose(torch.zeros(1, 6, 20, 30), 120, 200, count=3)
    assert len(fewer) == 3


def test_a_state_dict_is_enough_to_rebuild(model: MultiBox):
    half = {name: tensor.half().float() for name, tensor in model.state_dict().items()}
    again = MultiBox.from_state(half).eval()
    assert again.grids == GRIDS
    x = torch.rand(1, 6, 9, 9)
    with torch.no_grad():
        for ours, theirs in zip(again(x), model(x), strict=True):
            torch.testing.assert_close(ours, theirs, atol=2e-2, rtol=1e-2)


def test_priors_that_do_not_fit_the_grids_are_rejected():
    with pytest.raises(ProposalError, match="1 priors, but the grids hold 44"):
        MultiBox(priors_of([[0, 0, 1, 1]]), GRIDS, SHAPES)


def test_it_learns_where_the_light_is():
    """Each map has one lit square; after 60 steps the best proposal is that square."""
    torch.manual_seed(0)
    boxes = np.array([[0.1, 0.1, 0.4, 0.4], [0.5, 0.5, 0.8, 0.8], [0.6, 0.1, 0.9, 0.4]], np.float32)
    priors = grid_priors(boxes, GRIDS, SHAPES)
    model = MultiBox(priors, GRIDS, SHAPES, inputs=3, channels=16)
    maps = torch.zeros(3, 3, 20, 20)
    for number, (x1, y1, x2, y2) in enumerate((boxes * 20).astype(int)):
        maps[number, :, y1:y2, x1:x2] = 1
    batch = stack([assign(priors, box[None], np.zeros(1, bool)) for box in boxes])
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(60):
        loss = torch.stack(list(multibox_losses(*model(maps), *batch, alpha=1.0).values())).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.inference_mode():
        for number, box in enumerate(boxes):
            proposals = model.propose(maps[number : number + 1], 100, 100)
            np.testing.assert_allclose(proposals.boxes_xyxy[0], box * 100, atol=5)
