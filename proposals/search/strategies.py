"""The strategies of selective search: segment in several colour spaces, merge in several ways.

Uijlings et al. 2013, section 3.3. `hierarchies` runs all strategies of a mode over one image. What
depends on the colour space alone is computed once for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from proposals.search.region_tree import RegionTree
from proposals.threads import processors

# OpenCV and the kernels are imported inside the functions, so that `import proposals` is fast.
if TYPE_CHECKING:
    from proposals.search.features import PixelFeatures

T = TypeVar("T")
R = TypeVar("R")


class Mode(NamedTuple):
    """The strategies of a mode: each colour space with each k and each similarity."""

    colour_spaces: tuple[str, ...]
    similarities: tuple[str, ...]  # letters: Colour, Texture, Size, Fill
    k: tuple[float, ...]  # scale of the segmentation; also its smallest segment in pixels
    superpixel_scale: float  # multiplies k unless the caller gives another scale


_FAST = Mode(("HSV", "Lab"), ("CTSF", "TSF"), (50, 100), superpixel_scale=1.0)
MODES: dict[str, Mode] = {
    "single": Mode(("HSV",), ("CTSF",), (100,), superpixel_scale=1.0),
    "fast": _FAST._replace(superpixel_scale=2.0),
    "rcnn-fast": _FAST,
    "quality": Mode(("HSV", "Lab", "rgI", "H", "I"), ("CTSF", "TSF", "F", "S"),
                    (50, 100, 150, 300), superpixel_scale=1.0),
}  # fmt: skip

SIGMA = 0.8  # of the smoothing before the segmentation, in pixels
PIXELS_AT_A_TIME = 24_000_000  # most pixels of all colour images in work, at 50 bytes each


class Hierarchy(NamedTuple):
    """Boxes of one segmentation and the merges over it, in pixels of the resized image."""

    boxes: NDArray[np.int32]  # (M, 4) initial regions, then the merges of each similarity
    priorities: NDArray[np.int64]  # (M,) 1 for the whole image, more for smaller regions
    tree: RegionTree | None  # None unless requested


def hierarchies(
    image: NDArray[np.uint8],
    mode: Mode,
    threads: int | None,
    connectivity: int = 8,
    keep_trees: bool = False,
) -> list[Hierarchy]:
    """Run every strategy of a mode over an (H, W, 3) uint8 RGB image."""
    scales = [k * mode.superpixel_scale for k in mode.k]
    most = len(mode.colour_spaces) * max(2, len(scales))
    results = []
    with _parallel_map(min(threads or processors(), most)) as parallel_map:
        for spaces in _batches(mode.colour_spaces, image):
            colours = parallel_map(partial(_convert, image), spaces)
            jobs: list[Callable[[], Any]] = []
            jobs += [partial(_segment, one, scales, connectivity) for one in colours]
            jobs += [partial(_prepare, one) for one in colours]
            done = parallel_map(lambda job: job(), jobs)
            segmented, features = done[: len(spaces)], done[len(spaces) :]
            work = [
                (space, segmentation, features_, k)
                for space, segmentations, features_ in zip(spaces, segmented, features, strict=True)
                for segmentation, k in zip(segmentations, scales, strict=True)
            ]
            results += parallel_map(partial(_group, mode.similarities, keep_trees), work)
    return results


def _batches(colour_spaces: tuple[str, ...], image: NDArray[np.uint8]) -> Iterator[tuple[str, ...]]:
    """Split the colour spaces into batches, so that a large image does not exhaust memory."""
    size = max(1, PIXELS_AT_A_TIME // (image.shape[0] * image.shape[1]))
    for start in range(0, len(colour_spaces), size):
        yield colour_spaces[start : start + size]


def _convert(image: NDArray[np.uint8], colour_space: str) -> NDArray[np.uint8]:
    from proposals.search.colour_spaces import COLOUR_SPACES

    return COLOUR_SPACES[colour_space](image)


def _segment(
    colours: NDArray[np.uint8], scales: list[float], connectivity: int
) -> list[tuple[NDArray[np.int32], int]]:
    from proposals.search.segmentation import segmentations

    return segmentations(colours, [(k, k) for k in scales], SIGMA, connectivity)


def _prepare(colours: NDArray[np.uint8]) -> PixelFeatures:
    from proposals.search.features import pixel_features

    return pixel_features(colours)


def _group(
    similarities: tuple[str, ...],
    keep_tree: bool,
    work: tuple[str, tuple[NDArray[np.int32], int], PixelFeatures, float],
) -> Hierarchy:
    """Merge the regions of one segmentation, once per similarity."""
    from proposals.search.features import describe_regions
    from proposals.search.grouping import merge_order, merged_boxes

    colour_space, (labels, count), features, k = work
    regions = describe_regions(labels, count, features)
    boxes = [regions.boxes]
    priorities = [np.full(count, count)]
    merges = {}
    for similarity in similarities:
        merges[similarity] = merge_order(regions, similarity, image_size=labels.size)
        boxes.append(merged_boxes(regions.boxes, merges[similarity]))
        priorities.append(np.arange(count - 1, 0, -1))
    all_boxes = np.concatenate(boxes)
    tree = RegionTree(colour_space, k, labels, merges, all_boxes) if keep_tree else None
    return Hierarchy(all_boxes, np.concatenate(priorities), tree)


def warm_up() -> None:
    """Load the compiled kernels; compile them first if this machine has not done so."""
    from proposals.search.compiled import load_kernels

    load_kernels()


@contextmanager
def _parallel_map(threads: int) -> Iterator[Callable[[Callable[[T], R], Iterable[T]], list[R]]]:
    """Yield a map that keeps the order; threads help because kernels release Python's lock."""
    if threads == 1:
        yield lambda function, items: [function(item) for item in items]
        return
    with ThreadPoolExecutor(threads) as pool:
        yield lambda function, items: list(pool.map(function, items))
