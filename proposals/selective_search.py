"""Selective search (Uijlings et al. 2013) as R-CNN and GoogLeNet use it.

Superpixels are merged pair by pair until one region is left; every region on the way gives
a box. Several colour spaces, superpixel sizes and similarities see different objects.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from proposals.boxes import clip_boxes, unique_boxes
from proposals.checks import check_choice, check_count, check_image, check_positive
from proposals.result import Proposals
from proposals.strategies import MODES, hierarchies, warm_up

TALLEST = 4  # resized height at most this many times the width asked for


def selective_search(
    image: NDArray[np.uint8],
    mode: str = "fast",
    superpixel_scale: float = 2.0,
    seed: int | np.random.Generator = 0,
    *,
    width: int | None = 500,
    min_side: int = 20,
    threads: int | None = None,
) -> Proposals:
    """Propose boxes that may hold an object, of any class.

    Parameters
    ----------
    image
        (H, W, 3) uint8, RGB; any size from 1 x 1 up.
    mode
        ``"single"`` (1 strategy), ``"fast"`` (8, as in R-CNN) or ``"quality"`` (80).
    superpixel_scale
        Multiplies k and the smallest segment together, above 0. 1 is R-CNN's setting, 2
        GoogLeNet's (section 8), with about half the boxes.
    seed
        Of the random part of the order (section 3.3 of the paper): an int or a Generator.
        The same seed gives the same bytes, whatever the number of threads.
    width
        The image is resized to this width first, as R-CNN does; a picture more than 4 times
        as tall is resized to that height instead. None keeps the image as it is; time then
        grows with its pixels, and with the square of the regions where thousands of them
        lie in one background.
    min_side
        Boxes narrower or lower than this many pixels, measured in the resized image, are
        dropped. The box of the whole image always stays.
    threads
        At most this many strategies run at a time; None takes the processors available.

    Returns
    -------
    Proposals
        Boxes in pixels of ``image``, each once, best first; at least one.

    Raises
    ------
    ProposalError
        If an argument is not as described above.
    """
    _check_arguments(image, mode, superpixel_scale, seed, width, min_side, threads)
    warm_up()
    resized = _resize(image, width)
    found = hierarchies(resized, MODES[mode], superpixel_scale, threads)
    boxes = np.concatenate([hierarchy.boxes for hierarchy in found])
    priorities = np.concatenate([hierarchy.priorities for hierarchy in found])
    boxes = boxes[_random_order(priorities, seed)]
    boxes = _large_enough(boxes, resized, min_side)
    boxes = boxes[unique_boxes(boxes)]
    count = len(boxes)
    return Proposals(
        boxes_xyxy=_to_original_pixels(boxes, resized, image),
        scores=(np.arange(count, 0, -1) / count).astype(np.float32),
        source=np.full(count, "selective_search"),
    )


def _check_arguments(
    image: object, mode: object, superpixel_scale: object, seed: object,
    width: object, min_side: object, threads: object,
) -> None:  # fmt: skip
    check_image(image)
    check_choice("mode", mode, MODES)
    check_positive("superpixel_scale", superpixel_scale)
    if not isinstance(seed, np.random.Generator):
        check_count("seed", seed, least=0)
    if width is not None:
        check_count("width", width, least=1)
    check_count("min_side", min_side, least=0)
    if threads is not None:
        check_count("threads", threads, least=1)


def _resize(image: NDArray[np.uint8], width: int | None) -> NDArray[np.uint8]:
    import cv2

    image = np.ascontiguousarray(image)
    if width is None:
        return image
    factor = min(width / image.shape[1], TALLEST * width / image.shape[0])
    size = tuple(max(1, round(side * factor)) for side in (image.shape[1], image.shape[0]))
    if size == (image.shape[1], image.shape[0]):
        return image
    interpolation = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=interpolation), np.uint8)


def _random_order(
    priorities: NDArray[np.int64], seed: int | np.random.Generator
) -> NDArray[np.intp]:
    """Large regions first, mostly: sort by priority times a random number in [0, 1)."""
    generator = np.random.default_rng(seed)
    return np.argsort(priorities * generator.random(len(priorities)), kind="stable")


def _large_enough(
    boxes: NDArray[np.int32], resized: NDArray[np.uint8], min_side: int
) -> NDArray[np.int32]:
    sides = boxes[:, 2:] - boxes[:, :2]
    is_whole = (sides == (resized.shape[1], resized.shape[0])).all(axis=1)
    is_large = (sides >= min_side).all(axis=1)
    return np.asarray(boxes[is_large | is_whole])


def _to_original_pixels(
    boxes: NDArray[np.int32], resized: NDArray[np.uint8], image: NDArray[np.uint8]
) -> NDArray[np.float32]:
    height, width = image.shape[:2]
    factor_x, factor_y = width / resized.shape[1], height / resized.shape[0]
    return clip_boxes(boxes * [factor_x, factor_y, factor_x, factor_y], height, width)
