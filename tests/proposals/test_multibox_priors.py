"""MultiBox's priors: shapes derived from boxes, and the two published text formats."""

from pathlib import Path

import numpy as np
import pytest

from proposals import ProposalError
from proposals.multibox_priors import STD, grid_priors, read_mean_std, read_std_mean

MEAN = np.array([[0.0, 0.1, 0.5, 0.6], [0.2, 0.3, 1.0, 0.9]], np.float32)
STDS = np.array([[0.01, 0.02, 0.03, 0.04], [0.05, 0.06, 0.07, 0.08]], np.float32)


def test_google_s_format_has_the_deviation_first(tmp_path: Path):
    path = tmp_path / "ipriors2.txt"
    pairs = zip(STDS.ravel(), MEAN.ravel(), strict=True)
    path.write_text("".join(f"{std} {mean}\n" for std, mean in pairs))
    priors = read_std_mean(path)
    np.testing.assert_array_equal(priors.mean, MEAN)
    np.testing.assert_array_equal(priors.std, STDS)


@pytest.mark.parametrize("between", [" ", ", ", "\n", " ;\t"])
def test_android_s_format_has_the_mean_first_in_any_layout(tmp_path: Path, between: str):
    path = tmp_path / "multibox_location_priors.txt"
    numbers = np.stack([MEAN.ravel(), STDS.ravel()], axis=1).ravel()
    path.write_text("priors: " + between.join(str(number) for number in numbers) + " end\n")
    priors = read_mean_std(path)
    np.testing.assert_array_equal(priors.mean, MEAN)
    np.testing.assert_array_equal(priors.std, STDS)


def test_unusable_files_are_explained(tmp_path: Path):
    path = tmp_path / "priors.txt"
    with pytest.raises(ProposalError, match=r"priors\.txt: cannot be read"):
        read_std_mean(path)
    path.write_text("0.01 0.5\n" * 7)
    with pytest.raises(ProposalError, match=r"priors\.txt: 14 numbers; give 8 per prior"):
        read_std_mean(path)
    path.write_text("")
    with pytest.raises(ProposalError, match="0 numbers"):
        read_mean_std(path)
    path.write_text("0.01 0.5\n" * 3 + "0.01 half\n")
    with pytest.raises(ProposalError, match="'half' is not a number"):
        read_std_mean(path)
    path.write_text("0.01 0.0\n0.01 0.1\n0.01 0.5\n0.01 0.6\n")
    with pytest.raises(ProposalError, match="is it the other format"):
        read_mean_std(path)


def test_every_cell_has_the_shapes_of_the_boxes():
    sides = np.array([[0.1, 0.2]] * 5 + [[0.25, 0.1]] * 7)
    low = np.random.default_rng(0).uniform(0, 0.7, (12, 2))
    priors = grid_priors(np.concatenate([low, low + sides], axis=1), grids=(2,), shapes=(2,))
    assert priors.mean.shape == priors.std.shape == (8, 4)
    sides_of_priors = (priors.mean[:, 2:] - priors.mean[:, :2]).reshape(4, 2, 2)
    expected = np.array([[0.1, 0.2], [0.25, 0.1]])
    for cell in sides_of_priors:
        np.testing.assert_allclose(cell[np.argsort(cell[:, 0])], expected, rtol=1e-4)
    middles = (priors.mean[:, 2:] + priors.mean[:, :2])[::2] / 2
    corners = [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]]
    np.testing.assert_allclose(middles, corners, atol=1e-6)
    np.testing.assert_allclose(
        priors.std, np.tile(sides_of_priors.reshape(8, 2) * STD, 2), rtol=1e-4
    )


def test_small_boxes_go_to_the_fine_grid_and_large_ones_to_the_coarse():
    rng = np.random.default_rng(1)
    small, large = rng.uniform(0.02, 0.05, (40, 2)), rng.uniform(0.6, 0.9, (40, 2))
    sides = np.concatenate([small, large])
    boxes = np.concatenate([np.zeros((80, 2)), sides], axis=1)
    priors = grid_priors(boxes, grids=(16, 2), shapes=(3, 5))
    sides_of_priors = priors.mean[:, 2:] - priors.mean[:, :2]
    fine, coarse = sides_of_priors[: 16 * 16 * 3], sides_of_priors[16 * 16 * 3 :]
    assert len(coarse) == 2 * 2 * 5
    assert fine.min() >= 0.02 and fine.max() <= 0.05
    assert coarse.min() >= 0.6 and coarse.max() <= 0.9


def test_the_same_boxes_give_the_same_priors_and_one_box_is_enough():
    boxes = np.random.default_rng(2).uniform(0, 0.5, (30, 4))
    boxes[:, 2:] += boxes[:, :2]
    first, second = grid_priors(boxes), grid_priors(boxes)
    assert first.mean.tobytes() == second.mean.tobytes()
    alone = grid_priors([[0.2, 0.2, 0.6, 0.5]], grids=(4, 2), shapes=(3, 2))
    assert np.isfinite(alone.mean).all() and (alone.std > 0).all()
    with pytest.raises(ProposalError, match="no boxes to derive shapes from"):
        grid_priors(np.zeros((0, 4)))
