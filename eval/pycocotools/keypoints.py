"""Object keypoint similarity (OKS), the overlap of keypoints."""

from __future__ import annotations

import numpy as np


def similarities(found: list[dict], truths: list[dict], sigmas: np.ndarray) -> np.ndarray:
    """The OKS of each detection with each object.

    Parameters
    ----------
    found, truths
        Annotations with `keypoints`, a list of x, y and visibility for each point; objects also
        with `bbox` (xywh) and `area`.
    sigmas
        (points,) float64, standard deviation of annotators in units of the object's size.

    Returns
    -------
    (detections, objects) float64, 0 to 1.
    """
    points = np.array([one["keypoints"] for one in found])
    x, y = points[:, 0::3], points[:, 1::3]
    variances = (sigmas * 2) ** 2
    result = np.zeros((len(found), len(truths)))
    for j, truth in enumerate(truths):
        own = np.array(truth["keypoints"])
        visible = own[2::3] > 0
        if visible.any():
            dx, dy = x - own[0::3], y - own[1::3]
        else:
            # Without visible points, detections are right within twice the box.
            left, top, width, height = truth["bbox"]
            dx, dy = (
                np.maximum(0, start - size - values) + np.maximum(0, values - (start + size * 2))
                for values, start, size in ((x, left, width), (y, top, height))
            )
        errors = (dx**2 + dy**2) / variances / (truth["area"] + np.spacing(1)) / 2
        if visible.any():
            errors = errors[:, visible]
        # The sum's last bit depends on the order, which is that of single rows in memory.
        terms = np.ascontiguousarray(np.exp(-np.ascontiguousarray(errors)))
        result[:, j] = terms.sum(axis=1) / errors.shape[1]
    return result
