"""Prior boxes of MultiBox: typical places and shapes of objects, whatever the picture.

A prior is a mean and a standard deviation for each of the four corner coordinates, in shares of
the picture's width and height. The network's outputs are in units of the deviation:
coordinate = output * std + mean, as in Google's release (github.com/google/multibox).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from proposals.result import ProposalError

Floats = NDArray[np.float32]

GRIDS = (32, 16, 8, 4, 2)  # cells per side of each grid
SHAPES = (8, 8, 8, 11, 11)  # priors per cell of each grid
# A box belongs to the finest grid in which the geometric mean of its sides is at most this many
# cells: a cell's receptive field then covers the box, and some prior lies close to it.
CELLS_PER_BOX = 4.0
STD = 0.1  # as a share of a prior's sides: a prior that fits well then needs outputs of about 1


class Priors(NamedTuple):
    """Means and standard deviations (K, 4) of x1, y1, x2, y2, in shares of the picture."""

    mean: Floats
    std: Floats


def grid_priors(
    boxes_xyxy: ArrayLike, grids: Sequence[int] = GRIDS, shapes: Sequence[int] = SHAPES
) -> Priors:
    """Place priors of the most common shapes on grids (MSC-MultiBox, arXiv 1412.1441).

    Parameters
    ----------
    boxes_xyxy
        (N, 4) boxes of objects, in shares of their picture's width and height.
    grids, shapes
        Cells per side of each grid, finest first, and shapes per cell. The shapes are the k-means
        centres of the log sides of the boxes that belong to the grid.

    Returns
    -------
    Priors in the order grid, row, column, shape.
    """
    from scipy.cluster.vq import kmeans2

    boxes = np.asarray(boxes_xyxy, np.float64).reshape(-1, 4)
    sides = boxes[:, 2:] - boxes[:, :2]
    sides = np.clip(sides[(sides > 0).all(axis=1)], 1e-3, 1)
    if len(sides) == 0:
        raise ProposalError("priors: no boxes to derive shapes from; add annotations")
    scale = np.sqrt(sides.prod(axis=1))
    means = []
    for number, (grid, count) in enumerate(zip(grids, shapes, strict=True)):
        low = 0.0 if number == 0 else CELLS_PER_BOX / grids[number - 1]
        high = np.inf if number == len(grids) - 1 else CELLS_PER_BOX / grid
        # A grid with too few boxes takes the boxes nearest to its size.
        distance = np.maximum(low - scale, scale - high)
        wanted = max(np.count_nonzero(distance <= 0), min(8 * count, len(scale)))
        members = np.log(sides[np.argsort(distance, kind="stable")[:wanted]])
        by_shape = members[np.lexsort((members[:, 0] + members[:, 1], members[:, 0]))]
        start = by_shape[np.linspace(0, len(by_shape) - 1, count).astype(int)]
        # k-means would leave equal centres without members.
        start = start + 1e-6 * np.arange(count)[:, None]
        with warnings.catch_warnings():
            # With few boxes a cluster may end up empty; it keeps its start, which is a valid shape.
            warnings.simplefilter("ignore", UserWarning)
            centres, _ = kmeans2(members, start, minit="matrix", missing="warn")
        means.append(_spread(np.exp(centres), grid))
    mean = np.concatenate(means)
    side = mean[:, 2:] - mean[:, :2]
    return Priors(mean.astype(np.float32), np.tile(STD * side, 2).astype(np.float32))


def _spread(sides: NDArray[np.float64], grid: int) -> NDArray[np.float64]:
    """Boxes (grid * grid * shapes, 4) of these sides around the centre of every cell."""
    centre = (np.arange(grid) + 0.5) / grid
    y, x = np.meshgrid(centre, centre, indexing="ij")
    middle = np.stack([x, y], axis=2).reshape(-1, 1, 2)
    corners = [middle - sides / 2, middle + sides / 2]
    return np.concatenate(corners, axis=2).reshape(-1, 4)


def read_std_mean(path: str | Path) -> Priors:
    """Read priors in the format of Google's MultiBox release: a line "std mean" per coordinate.

    A box takes four lines: xmin, ymin, xmax, ymax (`ipriors800.txt` has 3,200 lines).
    """
    std, mean = np.split(_read_pairs(path, skip_words=False).reshape(-1, 4, 2), 2, axis=2)
    return _checked(mean[..., 0], std[..., 0], path)


def read_mean_std(path: str | Path) -> Priors:
    """Read priors in the format of TensorFlow's Android demo: mean and std of each coordinate.

    A box takes eight numbers, on any number of lines; like the demo, this skips words between them.
    """
    mean, std = np.split(_read_pairs(path, skip_words=True).reshape(-1, 4, 2), 2, axis=2)
    return _checked(mean[..., 0], std[..., 0], path)


def _read_pairs(path: str | Path, skip_words: bool) -> NDArray[np.float64]:
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProposalError(f"{path}: cannot be read ({error}); give a text file") from None
    numbers = []
    for word in re.split(r"[\s,;]+", text.strip()):
        try:
            numbers.append(float(word.encode("ascii")))  # no digits of other scripts
        except ValueError:
            if not skip_words:
                raise ProposalError(f"{path}: {word!r} is not a number; remove it") from None
    if not numbers or len(numbers) % 8:
        raise ProposalError(
            f"{path}: {len(numbers)} numbers; give 8 per prior (two for each of four coordinates)"
        )
    return np.array(numbers, np.float64)


def _checked(mean: NDArray[np.float64], std: NDArray[np.float64], path: str | Path) -> Priors:
    if not (std > 0).all() or not np.isfinite(mean).all():
        raise ProposalError(
            f"{path}: a standard deviation is not above 0; is it the other format? "
            "(read_std_mean: std first; read_mean_std: mean first)"
        )
    return Priors(mean.astype(np.float32), std.astype(np.float32))
