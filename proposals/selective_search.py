"""Selective search (Uijlings et al. 2013) as R-CNN and GoogLeNet use it.

Superpixels are merged pair by pair until one region is left, and every region on the way yields a
box. Different colour spaces, superpixel sizes and similarities yield different objects.
"""

from __future__ import annotations

from typing import Literal, Unpack, overload

import numpy as np
from numpy.typing import NDArray

from proposals.boxes import clip_boxes, unique_boxes
from proposals.checks import MAX_PIXELS, check_count, check_image
from proposals.options import KeywordOptions, check_options, choose_strategies
from proposals.result import ProposalError, Proposals
from proposals.search.region_tree import RegionTrees
from proposals.search.strategies import Hierarchy, hierarchies, warm_up

TALLEST = 4  # limit of the resized height, as a multiple of the requested width


@overload
def selective_search(
    image: NDArray[np.uint8], mode: str = ..., superpixel_scale: float | None = ...,
    seed: int | np.random.Generator = ..., *, return_hierarchy: Literal[False] = ...,
    threads: int | None = ..., **options: Unpack[KeywordOptions],
) -> Proposals: ...  # fmt: skip
@overload
def selective_search(
    image: NDArray[np.uint8], mode: str = ..., superpixel_scale: float | None = ...,
    seed: int | np.random.Generator = ..., *, return_hierarchy: Literal[True],
    threads: int | None = ..., **options: Unpack[KeywordOptions],
) -> tuple[Proposals, RegionTrees]: ...  # fmt: skip
def selective_search(
    image: NDArray[np.uint8],
    mode: str = "fast",
    superpixel_scale: float | None = None,
    seed: int | np.random.Generator = 0,
    *,
    width: int | None = 500,
    min_side: int = 20,
    max_side: int | None = None,
    max_boxes: int | None = None,
    connectivity: int = 8,
    backend: str = "own",
    return_hierarchy: bool = False,
    threads: int | None = None,
) -> Proposals | tuple[Proposals, RegionTrees]:
    """Propose boxes that may hold an object of any class.

    Parameters
    ----------
    image
        (H, W, 3) uint8, RGB; any size from 1 x 1 up.
    mode
        ``"single"`` (1 strategy), ``"fast"`` (8 strategies, with GoogLeNet's doubled superpixels),
        ``"rcnn-fast"`` (the same 8 with R-CNN's smaller superpixels) or ``"quality"`` (80).
    superpixel_scale
        Multiplies both k and the smallest segment's size; above 0. R-CNN uses 1, GoogLeNet 2
        (section 8), with about half the boxes. None takes the mode's own scale: 2 for fast, 1 for
        the others.
    seed
        Seed of the random part of the ranking (section 3.3 of the paper): an int or a Generator.
        The same int gives the same bytes, whatever the number of threads.
    width
        The image is first resized to this width, as in R-CNN. If its height would then exceed 4
        times the width, it is resized to that height instead. The result has at most 2**29 pixels.
        None keeps the image's size; time then grows with its pixels, and with the square of the
        number of regions where thousands of them share one background.
    min_side, max_side
        Boxes with a side below ``min_side`` or above ``max_side`` pixels of the resized image are
        dropped. The box of the whole image always stays.
    max_boxes
        Keep only this many boxes, best first, possibly without the box of the whole image.
    connectivity
        8 as in the papers, or 4: a pixel graph without diagonals, thus with half the edges, which
        is faster and yields other segments.
    backend
        ``"own"``, or ``"opencv"`` for OpenCV's implementation on the same colour images with the
        same settings, for example to compare. OpenCV ranks the boxes in another way, which differs
        from call to call whatever the seed. It always uses connectivity 4 and its own threads.
    return_hierarchy
        Also return the regions behind the boxes, with masks. This takes memory: a label image per
        colour space and k, and at least 16 bytes per region.
    threads
        The largest number of strategies that run at the same time; None uses one thread per
        available processor.

    Returns
    -------
    Proposals
        Boxes in pixels of ``image``, without duplicates, best first; at least one.
    RegionTrees
        Only with ``return_hierarchy``: the second item of a pair.

    Raises
    ------
    ProposalError
        An argument is not as described above, or OpenCV has no selective search.
    """
    check_image(image)
    options = check_options(
        mode=mode, superpixel_scale=superpixel_scale, seed=seed, width=width, min_side=min_side,
        max_side=max_side, max_boxes=max_boxes, connectivity=connectivity, backend=backend,
    )  # fmt: skip
    width, min_side, max_side = options["width"], options["min_side"], options["max_side"]
    max_boxes, connectivity = options["max_boxes"], options["connectivity"]
    if threads is not None:
        threads = check_count("threads", threads, least=1)
    if return_hierarchy and backend != "own":
        raise ProposalError(f"return_hierarchy: backend {backend!r} has no region trees; use 'own'")
    strategies = choose_strategies(mode, superpixel_scale)
    resized = _resize(image, width)
    searched: list[Hierarchy] = []
    if backend == "opencv":
        from proposals.search.opencv_backend import opencv_boxes

        boxes = opencv_boxes(resized, strategies)
        rows = np.arange(len(boxes))
    else:
        warm_up()
        searched = hierarchies(resized, strategies, threads, connectivity, return_hierarchy)
        boxes = np.concatenate([hierarchy.boxes for hierarchy in searched])
        priorities = np.concatenate([hierarchy.priorities for hierarchy in searched])
        rows = _random_order(priorities, seed)
    rows = rows[_has_allowed_size(boxes[rows], resized, min_side, max_side)]
    rows = rows[unique_boxes(boxes[rows])][:max_boxes]
    proposals = ranked_proposals(_to_original_pixels(boxes[rows], resized, image))
    if not return_hierarchy:
        return proposals
    return proposals, _region_trees(searched, rows, image)


def ranked_proposals(boxes_xyxy: NDArray[np.float32]) -> Proposals:
    """Proposals from boxes (N, 4), best first, that have no scores of their own."""
    count = len(boxes_xyxy)
    return Proposals(
        boxes_xyxy=boxes_xyxy,
        scores=(np.arange(count, 0, -1) / count).astype(np.float32),
        source=np.broadcast_to(
            np.array("selective_search"), count
        ),  # a full array takes 64 bytes per box
    )


def _resize(image: NDArray[np.uint8], width: int | None) -> NDArray[np.uint8]:
    import cv2

    image = np.ascontiguousarray(image)
    if width is None:
        return image
    limited = min(width, MAX_PIXELS + 1)  # a larger whole number might not fit a float
    factor = min(limited / image.shape[1], TALLEST * limited / image.shape[0])
    size = tuple(max(1, round(side * factor)) for side in (image.shape[1], image.shape[0]))
    if size == (image.shape[1], image.shape[0]):
        return image
    if size[0] * size[1] > MAX_PIXELS:
        raise ProposalError(
            f"width: {width} enlarges an image of {image.shape[0]} x {image.shape[1]} to more than "
            f"{MAX_PIXELS} pixels; give a smaller width, or None to keep the image as it is"
        )
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=interpolation), np.uint8)


def _random_order(
    priorities: NDArray[np.int64], seed: int | np.random.Generator
) -> NDArray[np.intp]:
    """Sort by priority times a random number in [0, 1): mostly large regions first."""
    generator = np.random.default_rng(seed)
    return np.argsort(priorities * generator.random(len(priorities)), kind="stable")


def _has_allowed_size(
    boxes: NDArray[np.int32], resized: NDArray[np.uint8], min_side: int, max_side: int | None
) -> NDArray[np.bool_]:
    sides = boxes[:, 2:] - boxes[:, :2]
    is_whole = (sides == (resized.shape[1], resized.shape[0])).all(axis=1)
    is_allowed = (sides >= min_side).all(axis=1)
    if max_side is not None:
        is_allowed &= (sides <= max_side).all(axis=1)
    return np.asarray(is_allowed | is_whole)


def _to_original_pixels(
    boxes: NDArray[np.int32], resized: NDArray[np.uint8], image: NDArray[np.uint8]
) -> NDArray[np.float32]:
    height, width = image.shape[:2]
    factor_x, factor_y = width / resized.shape[1], height / resized.shape[0]
    return clip_boxes(boxes * [factor_x, factor_y, factor_x, factor_y], height, width)


def _region_trees(
    searched: list[Hierarchy], rows: NDArray[np.intp], image: NDArray[np.uint8]
) -> RegionTrees:
    """Turn row numbers of the concatenated boxes into pairs of tree and node."""
    stops = np.cumsum([len(hierarchy.boxes) for hierarchy in searched])
    tree_of = np.searchsorted(stops, rows, side="right")
    starts = np.concatenate([[0], stops])
    return RegionTrees(
        trees=tuple(hierarchy.tree for hierarchy in searched if hierarchy.tree is not None),
        tree_of=tree_of.astype(np.int32),
        node_of=(rows - starts[tree_of]).astype(np.int32),
        image_size=(image.shape[0], image.shape[1]),
    )
