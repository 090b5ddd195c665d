"""Selective search by OpenCV's ximgproc, with the settings of ours; to compare, mostly.

The colour images, k, smallest segments and similarities are the same. What stays different:
OpenCV joins pixels over 4 neighbours, not 8; it bins histograms in its own way; and it ranks
small regions first, with an unseeded `rand()`, so that the order changes from call to call.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from proposals.result import ProposalError
from proposals.search.colour_spaces import COLOUR_SPACES
from proposals.search.strategies import SIGMA, Mode


def opencv_boxes(image: NDArray[np.uint8], strategies: Mode) -> NDArray[np.int32]:
    """Boxes of an RGB image in OpenCV's order, that of the whole image among them.

    Parameters
    ----------
    image
        (H, W, 3) uint8, RGB.
    strategies
        Colour spaces, similarities, k and their scale.

    Returns
    -------
    (M, 4) int32, at least one; with duplicates.

    Raises
    ------
    ProposalError
        If this OpenCV is built without ximgproc, or its search fails on the image.
    """
    height, width = image.shape[:2]
    # A fresh object for every image: giving an old one another image corrupts memory.
    search = _build(_ximgproc(), image, strategies)
    import cv2

    try:
        found = np.asarray(search.process(), np.int32).reshape(-1, 4)
    except cv2.error as error:
        raise ProposalError(
            f"backend 'opencv': OpenCV fails on an image of {height} x {width} pixels "
            f"({' '.join(str(error).split())}); use backend='own'"
        ) from None
    boxes = np.concatenate([found[:, :2], found[:, :2] + found[:, 2:]], axis=1)
    # Regions that meet in the first row or column only are no neighbours to OpenCV, and then
    # it never reaches the whole image.
    return np.concatenate([boxes, np.array([[0, 0, width, height]], np.int32)])


def _ximgproc() -> Any:
    try:
        import cv2.ximgproc

        return cv2.ximgproc.segmentation
    except (ImportError, AttributeError):
        raise ProposalError(
            "backend 'opencv': the installed OpenCV lacks ximgproc; "
            "`pip install opencv-contrib-python` in the place of opencv-python, "
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
        # More than the image holds changes nothing, and would overflow OpenCV's integers.
        scaled = min(k * strategies.superpixel_scale, float(image.size))
        search.addGraphSegmentation(ximgproc.createGraphSegmentation(SIGMA, scaled, round(scaled)))
    for similarity in strategies.similarities:
        mean = ximgproc.createSelectiveSearchSegmentationStrategyMultiple()
        for letter in similarity:
            mean.addStrategy(terms[letter](), 1 / len(similarity))
        search.addStrategy(mean)
    return search
