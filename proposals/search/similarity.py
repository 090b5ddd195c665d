"""The similarity of two neighbouring regions, and the box around both.

Uijlings et al. 2013, section 3.2: the similarity is the mean of up to four terms, each from 0
to 1. Colour and texture are histogram intersections, size favours small regions, and fill favours
two regions that fill most of their common box.
"""

from __future__ import annotations

import numpy as np

from proposals.search.features import HISTOGRAM_LENGTH, TEXTURE_START
from rcnn_kernels import helper


@helper
def _intersection(first, second, start, stop):  # type: ignore[no-untyped-def]
    """Histogram intersection in eight running sums, which vectorise and keep a fixed order."""
    zero = np.float32(0)
    s0, s1, s2, s3, s4, s5, s6, s7 = zero, zero, zero, zero, zero, zero, zero, zero
    for i in range(start, stop, 8):
        s0 += min(first[i], second[i])
        s1 += min(first[i + 1], second[i + 1])
        s2 += min(first[i + 2], second[i + 2])
        s3 += min(first[i + 3], second[i + 3])
        s4 += min(first[i + 4], second[i + 4])
        s5 += min(first[i + 5], second[i + 5])
        s6 += min(first[i + 6], second[i + 6])
        s7 += min(first[i + 7], second[i + 7])
    return ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7))


@helper
def similarity_of(histograms, rows, sizes, boxes, a, b, uses, image_size):  # type: ignore[no-untyped-def]
    """Mean of the terms in use, as the bits of a float32, which sort like the numbers."""
    total = 0.0
    if uses[0]:
        total += _intersection(histograms[rows[a]], histograms[rows[b]], 0, TEXTURE_START)
    if uses[1]:
        total += _intersection(
            histograms[rows[a]], histograms[rows[b]], TEXTURE_START, HISTOGRAM_LENGTH
        )
    together = sizes[a] + sizes[b]
    if uses[2]:
        total += 1 - together / image_size
    if uses[3]:
        width = max(boxes[a, 2], boxes[b, 2]) - min(boxes[a, 0], boxes[b, 0])
        height = max(boxes[a, 3], boxes[b, 3]) - min(boxes[a, 1], boxes[b, 1])
        total += 1 - (np.int64(width) * height - together) / image_size
    mean = total / (int(uses[0]) + int(uses[1]) + int(uses[2]) + int(uses[3]))
    return np.float32(max(mean, 0.0)).view(np.uint32)


@helper
def unite_boxes(boxes, a, b, union):  # type: ignore[no-untyped-def]
    """Write the smallest box around boxes ``a`` and ``b`` to row ``union``."""
    boxes[union, 0] = min(boxes[a, 0], boxes[b, 0])
    boxes[union, 1] = min(boxes[a, 1], boxes[b, 1])
    boxes[union, 2] = max(boxes[a, 2], boxes[b, 2])
    boxes[union, 3] = max(boxes[a, 3], boxes[b, 3])
