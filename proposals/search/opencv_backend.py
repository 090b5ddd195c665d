"""Selective search by OpenCV's ximgproc with this package's settings, mainly for comparison.

Colour images, k, smallest segments and similarities are the same. Three differences remain: OpenCV
connects pixels to 4 neighbours, not 8; it bins histograms in its own way; and it ranks small
regions first, with an unseeded `rand()`, so the order changes from call to call.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from proposals.result import ProposalError
from proposals.search.colour_spaces import COLOUR_SPACES
from proposals.search.strategies import SIGMA, Mode


def opencv_boxes(image: NDArray[np.uint8], strategies: Mode) -> NDArray[np.int32]:
    """Boxes of an RGB image in OpenCV's order, including the box of the whole image.

    Parameters
    ----------
    image
        (H, W, 3) uint8, RGB.
    strategies
        Colour spaces, similarities, k and scale of a mode.

    Returns
    -------
    (M, 4) int32, at least one box; duplicates are included.

    Raises
    ------
    ProposalError
        The installed OpenCV is built without ximgproc, or its search fails on the image.
    """
    height, width = image.shape[:2]
    # Every image needs its own object: OpenCV corrupts memory when an object gets a second image.
    search = _build(_ximgproc(), image, strategies)
    import cv2

    try:
        boxes_xywh = np.asarray(search.process(), np.int32).reshape(-1, 4)
    except cv2.error as error:
        raise ProposalError(
            f"backend 'opencv': OpenCV fails on an image of {height} x {width} pixels "
            f"({' '.join(str(error).split())}); use backend='own'"
        ) from None
    boxes = np.concatenate([boxes_xywh[:, :2], boxes_xywh[:, :2] + boxes_xywh[:, 2:]], axis=1)
    # OpenCV does not count regions that touch only in the first row or column as neighbours, and
    # then never merges them into the whole image.
    return np.concatenate([boxes, np.array([[0, 0, width, height]], np.int32)])


def _ximgproc() -> Any:
    try:
        import cv2.ximgproc

        return cv2.ximgproc.segmentation
    except (ImportError, AttributeError):
        raise ProposalError(
            "backend 'opencv': the installed OpenCV lacks ximgproc; "
            "run `pip install opencv-contrib-python-headless` in place of opencv-python, "
            "or use backend='own'"
        ) from None


def _build(ximgproc: Any, image: NDArray[np.uint8], strategies: Mode) -> Any:
    terms = {
        "C": ximgproc.createSelectiveSearchSegmentationStrategyColor,
        "T": ximgproc.createSelectiveSearchSegmentationStrategyTexture,
        "S": ximgproc.createSelectiveSearchSegmentationStrategySize,
        "F": ximgproc.createSelectiveSearchSegmentationStrategyFill,
    }
    search = ximgproc.createSelectiveSearchSegmentation()
    for colour_space in strategies.colour_spaces:
        search.addImage(COLOUR_SPACES[colour_space](image))
    for k in strategies.k:
        # Larger numbers would overflow OpenCV's integers and do not change the segments.
        scaled = min(k * strategies.superpixel_scale, float(image.size))
        search.addGraphSegmentation(ximgproc.createGraphSegmentation(SIGMA, scaled, round(scaled)))
    for similarity in strategies.similarities:
        mean = ximgproc.createSelectiveSearchSegmentationStrategyMultiple()
        for letter in similarity:
            mean.addStrategy(terms[letter](), 1 / len(similarity))
        search.addStrategy(mean)
    return search
