"""Features by which regions are compared: colour and texture histograms, size and box.

Uijlings et al. 2013, section 3.2. The pixels' features are computed once per colour space; each
segmentation of that colour space sums them per region.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from proposals.search.compiled import kernel
from proposals.search.filters import filter_separable, gaussian_derivative_taps, gaussian_taps
from rcnn_kernels import helper

COLOUR_BINS = 25
TEXTURE_BINS = 10
DIRECTIONS = 8
AXES = DIRECTIONS // 2
BLOCK = 512  # pixels quantised at a time: they stay in the first-level cache
# 3 x 25 colour columns, padded with zeros to a multiple of 8; then 3 x 8 x 10 texture columns.
TEXTURE_START = 80
HISTOGRAM_LENGTH = TEXTURE_START + 3 * DIRECTIONS * TEXTURE_BINS
# The response of a Gaussian derivative of sigma 0.8 to a step edge of height 1 is 0.427.
LARGEST_GRADIENT = 0.43
TEXTURE_SIGMA = 0.8


class PixelFeatures(NamedTuple):
    """Contribution of every pixel of a colour image to its region's histograms, raster order."""

    colours: NDArray[np.uint8]  # (P, 3)
    texture_counts: NDArray[np.uint8]  # (P,) number of texture_entries that belong to a pixel
    texture_entries: NDArray[np.uint8]  # texture columns 0..239, without those of bin 0


class Regions(NamedTuple):
    """Segments in label order, with everything that merging needs."""

    histograms: NDArray[np.float32]  # (R, 320); the colour part sums to 1, so does texture
    sizes: NDArray[np.int64]  # (R,) pixels
    boxes: NDArray[np.int32]  # (R, 4) x1, y1, x2, y2 with x2, y2 one past the last pixel
    pairs: NDArray[np.int32]  # (E, 2) 4-connected neighbours, a < b, in order of first contact


def pixel_features(image: NDArray[np.uint8]) -> PixelFeatures:
    """Colours and gradient bins of the pixels of an (H, W, 3) uint8 image."""
    smooth = gaussian_taps(TEXTURE_SIGMA)
    slope = gaussian_derivative_taps(TEXTURE_SIGMA)
    gradient_x = filter_separable(image, slope, smooth).reshape(3, -1)
    gradient_y = filter_separable(image, smooth, slope).reshape(3, -1)
    pixels = gradient_x.shape[1]
    counts = np.empty(pixels, np.uint8)
    entries = np.empty(
        AXES * 3 * pixels, np.uint8
    )  # an upper bound: pages never written take no memory
    block = np.empty((AXES * 3, BLOCK), np.uint8)
    total = _texture_entries(gradient_x, gradient_y, block, counts, entries)
    return PixelFeatures(np.ascontiguousarray(image).reshape(-1, 3), counts, entries[:total])


def describe_regions(labels: NDArray[np.int32], count: int, features: PixelFeatures) -> Regions:
    """Sum the pixels' features over the segments of an (H, W) label image."""
    labels = np.ascontiguousarray(labels)
    sizes = np.zeros(count, np.int64)
    boxes = np.empty((count, 4), np.int32)
    boxes[:] = labels.shape[1], labels.shape[0], 0, 0
    counts = np.zeros((count, HISTOGRAM_LENGTH), np.int32)
    bin_of_value = np.rint(np.arange(256) * ((COLOUR_BINS - 1) / 255)).astype(np.uint8)
    _count(labels, *features, bin_of_value, sizes, boxes, counts)
    histograms = np.empty((count, HISTOGRAM_LENGTH), np.float32)
    _normalise(counts, sizes, histograms)
    contacts = int(np.count_nonzero(labels[:, 1:] != labels[:, :-1]))
    contacts += int(np.count_nonzero(labels[1:] != labels[:-1]))
    pairs = np.empty((contacts, 2), np.int32)
    table = np.full(1 << (2 * contacts + 1).bit_length(), -1, np.int64)
    distinct = _touching_pairs(labels, count, table, pairs)
    return Regions(histograms, sizes, boxes, pairs[:distinct].copy())


@kernel("f4[2] f4[2] u1[2] u1[1] u1[1] -> i8")
def _texture_entries(gradient_x, gradient_y, block, counts, entries):  # type: ignore[no-untyped-def]
    """Write every pixel's texture columns, without bin 0, which follows from the region's size."""
    pixels = len(counts)
    bins_per_unit = np.float32((TEXTURE_BINS - 1) / (LARGEST_GRADIENT * 255))
    position = np.uint64(0)
    for start in range(0, pixels, BLOCK):
        length = min(BLOCK, pixels - start)
        for channel in range(3):
            across = gradient_x[channel, start : start + length]
            down = gradient_y[channel, start : start + length]
            for axis in range(AXES):
                _quantise(across, down, bins_per_unit, axis,
                          channel * DIRECTIONS, block[channel * AXES + axis])  # fmt: skip
        # Write always and advance only if non-zero: a branch would be mispredicted too often.
        for i in range(length):
            first = position
            for row in range(3 * AXES):
                entry = block[row, i]
                entries[position] = entry
                position += np.uint64(entry != 0)
            counts[start + i] = position - first
    return np.int64(position)


@helper
def _quantise(across, down, bins_per_unit, axis, first_row, entries):  # type: ignore[no-untyped-def]
    """Write texture columns along one axis; 0 stands for bin 0."""
    half_turn = np.float32(np.sqrt(0.5))
    half = np.float32(0.5)
    for i in range(len(across)):
        gx = across[i] * bins_per_unit
        gy = down[i] * bins_per_unit
        # First derivatives are steerable: the diagonals are sums of x and y.
        if axis == 0:
            value = gx
        elif axis == 1:
            value = gy
        elif axis == 2:
            value = (gx + gy) * half_turn
        else:
            value = (gx - gy) * half_turn
        # One of two opposite half-rectified directions is always 0.
        level = min(np.int32(abs(value) + half), np.int32(TEXTURE_BINS - 1))
        row = np.int32(first_row + 2 * axis) + np.int32(value < 0)
        entries[i] = (row * np.int32(TEXTURE_BINS) + level) * np.int32(level > 0)


@kernel("i4[2] u1[2] u1[1] u1[1] u1[1] i8[1] i4[2] i4[2]")
def _count(  # type: ignore[no-untyped-def]
    labels, colours, texture_counts, entries, bin_of_value, sizes, boxes, counts
):
    """Add up sizes, boxes and histogram counts of all regions, run by run along the rows."""
    height, width = labels.shape
    pixel = 0
    entry = 0
    for y in range(height):
        x = 0
        while x < width:
            label = labels[y, x]
            row = counts[label]
            start = x
            last_entry = entry
            while x < width and labels[y, x] == label:
                last_entry += texture_counts[pixel]
                for channel in range(3):
                    row[channel * COLOUR_BINS + bin_of_value[colours[pixel, channel]]] += 1
                x += 1
                pixel += 1
            for column in entries[entry:last_entry]:
                row[TEXTURE_START + column] += 1
            entry = last_entry
            box = boxes[label]
            sizes[label] += x - start
            box[0] = min(box[0], start)
            box[1] = min(box[1], y)
            box[2] = max(box[2], x)
            box[3] = y + 1


@kernel("i4[2] i8[1] f4[2]")
def _normalise(counts, sizes, histograms):  # type: ignore[no-untyped-def]
    """Turn histogram counts (R, 320) into shares; see Regions."""
    for region in range(len(sizes)):
        row = counts[region]
        for start in range(TEXTURE_START, HISTOGRAM_LENGTH, TEXTURE_BINS):
            row[start] = sizes[region]
            for column in range(start + 1, start + TEXTURE_BINS):
                row[start] -= row[column]
        for column in range(HISTOGRAM_LENGTH):
            entries_per_pixel = 3 if column < TEXTURE_START else 3 * DIRECTIONS
            histograms[region, column] = row[column] / (entries_per_pixel * sizes[region])


@kernel("i4[2] i8 i8[1] i4[2] -> i8")
def _touching_pairs(labels, count, table, pairs):  # type: ignore[no-untyped-def]
    """Write the distinct pairs of 4-connected neighbours; returns their number.

    A hash table of pair numbers finds the repetitions.
    """
    height, width = labels.shape
    distinct = 0
    for y in range(height):
        for x in range(width):
            for direction in range(2):
                y1 = y + direction
                x1 = x + 1 - direction
                if y1 == height or x1 == width or labels[y, x] == labels[y1, x1]:
                    continue
                a = min(labels[y, x], labels[y1, x1])
                b = max(labels[y, x], labels[y1, x1])
                number = np.int64(a) * count + b
                # Multiplication by 2**64 / golden ratio, an odd number, spreads near numbers.
                mixed = np.uint64(number) * np.uint64(0x9E3779B97F4A7C15)
                slot = np.int64(mixed >> np.uint64(32)) & (len(table) - 1)
                while table[slot] >= 0 and table[slot] != number:
                    slot = (slot + 1) & (len(table) - 1)
                if table[slot] < 0:
                    table[slot] = number
                    pairs[distinct, 0] = a
                    pairs[distinct, 1] = b
                    distinct += 1
    return distinct
