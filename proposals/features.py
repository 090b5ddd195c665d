"""What regions are compared by: colour and texture histograms, size and box.

Uijlings et al. 2013, section 3.2. Counts per pixel are prepared once per colour space and
summed per region for each segmentation of it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from proposals.filters import filter_separable, gaussian_derivative_taps, gaussian_taps

COLOUR_BINS = 25
TEXTURE_BINS = 10
DIRECTIONS = 8
# 3 x 25 colour columns, filled up to a multiple of 8 with zeros, then 3 x 8 x 10 of texture.
TEXTURE_START = 80
HISTOGRAM_LENGTH = TEXTURE_START + 3 * DIRECTIONS * TEXTURE_BINS
# A step edge of height 1 answers a Gaussian derivative of sigma 0.8 with 0.427.
LARGEST_GRADIENT = 0.43
TEXTURE_SIGMA = 0.8


class PixelFeatures(NamedTuple):
    """Histogram entries of every pixel of a colour image, pixels in raster order."""

    colour_bins: NDArray[np.uint8]  # (P, 3), 0..24
    texture_starts: NDArray[np.int64]  # (P + 1,), where a pixel's entries begin
    texture_entries: NDArray[np.uint8]  # columns 0..239 of bins above 0


class Regions(NamedTuple):
    """Segments with all that merging needs, in label order."""

    histograms: NDArray[np.float32]  # (R, 320), colour and texture parts sum to 1 each
    sizes: NDArray[np.int64]  # (R,) pixels
    boxes: NDArray[np.int32]  # (R, 4) x1, y1, x2, y2 with x2, y2 one past the last pixel
    pairs: NDArray[np.int32]  # (E, 2) 4-connected neighbours, a < b, in order of first contact


def pixel_features(image: NDArray[np.uint8]) -> PixelFeatures:
    """Prepare the colour bins and gradient bins of an (H, W, 3) uint8 image."""
    smooth = gaussian_taps(TEXTURE_SIGMA)
    slope = gaussian_derivative_taps(TEXTURE_SIGMA)
    gradient_x = filter_separable(image, slope, smooth).reshape(-1, 3)
    gradient_y = filter_separable(image, smooth, slope).reshape(-1, 3)
    starts, entries = _texture_entries(gradient_x, gradient_y)
    bin_of_value = np.rint(np.arange(256) * ((COLOUR_BINS - 1) / 255)).astype(np.uint8)
    return PixelFeatures(bin_of_value[image].reshape(-1, 3), starts, entries)


def describe_regions(labels: NDArray[np.int32], count: int, features: PixelFeatures) -> Regions:
    """Sum pixel features over the segments of an (H, W) label image."""
    sizes, boxes = _sizes_and_boxes(labels, count)
    histograms = _histograms(labels.reshape(-1), sizes, *features)
    return Regions(histograms, sizes, boxes, _touching_pairs(labels, count))


@njit(nogil=True, cache=True)
def _texture_entries(gradient_x, gradient_y):  # type: ignore[no-untyped-def]
    """Non-zero texture bins of every pixel; bin 0 follows from the region's size."""
    pixels = len(gradient_x)
    starts = np.empty(pixels + 1, np.int64)
    entries = np.empty(pixels * 12, np.uint8)
    bins_per_unit = np.float32((TEXTURE_BINS - 1) / (LARGEST_GRADIENT * 255))
    half_turn = np.float32(np.sqrt(0.5))
    axes = np.empty(4, np.float32)
    position = 0
    for pixel in range(pixels):
        starts[pixel] = position
        for channel in range(3):
            gx = gradient_x[pixel, channel] * bins_per_unit
            gy = gradient_y[pixel, channel] * bins_per_unit
            # A first derivative is steerable: the diagonals follow from x and y.
            axes[0] = gx
            axes[1] = gy
            axes[2] = (gx + gy) * half_turn
            axes[3] = (gx - gy) * half_turn
            for axis in range(4):
                # Of two opposite half-rectified directions one is always 0.
                level = min(int(abs(axes[axis]) + np.float32(0.5)), TEXTURE_BINS - 1)
                direction = 2 * axis + (axes[axis] < 0)
                if level > 0:
                    entries[position] = (channel * DIRECTIONS + direction) * TEXTURE_BINS + level
                    position += 1
    starts[pixels] = position
    return starts, entries[:position].copy()


@njit(nogil=True, cache=True)
def _sizes_and_boxes(labels, count):  # type: ignore[no-untyped-def]
    height, width = labels.shape
    sizes = np.zeros(count, np.int64)
    boxes = np.empty((count, 4), np.int32)
    boxes[:, 0] = width
    boxes[:, 1] = height
    boxes[:, 2:] = 0
    for y in range(height):
        for x in range(width):
            label = labels[y, x]
            box = boxes[label]
            sizes[label] += 1
            box[0] = min(box[0], x)
            box[1] = min(box[1], y)
            box[2] = max(box[2], x + 1)
            box[3] = max(box[3], y + 1)
    return sizes, boxes


@njit(nogil=True, cache=True)
def _histograms(labels, sizes, colour_bins, starts, entries):  # type: ignore[no-untyped-def]
    """(R, 320) float32; see Regions."""
    count = len(sizes)
    counts = np.zeros((count, HISTOGRAM_LENGTH), np.int32)
    for pixel in range(len(labels)):
        row = counts[labels[pixel]]
        for channel in range(3):
            row[channel * COLOUR_BINS + colour_bins[pixel, channel]] += 1
        for i in range(starts[pixel], starts[pixel + 1]):
            row[TEXTURE_START + entries[i]] += 1
    result = np.zeros((count, HISTOGRAM_LENGTH), np.float32)
    for region in range(count):
        row = counts[region]
        for start in range(TEXTURE_START, HISTOGRAM_LENGTH, TEXTURE_BINS):
            row[start] = sizes[region] - row[start + 1 : start + TEXTURE_BINS].sum()
        for column in range(HISTOGRAM_LENGTH):
            entries_per_pixel = 3 if column < TEXTURE_START else 3 * DIRECTIONS
            result[region, column] = row[column] / (entries_per_pixel * sizes[region])
    return result


@njit(nogil=True, cache=True)
def _touching_pairs(labels, count):  # type: ignore[no-untyped-def]
    """Distinct 4-connected neighbours by a hash table of pair numbers."""
    height, width = labels.shape
    contacts = 0
    for y in range(height):
        for x in range(width):
            contacts += x + 1 < width and labels[y, x] != labels[y, x + 1]
            contacts += y + 1 < height and labels[y, x] != labels[y + 1, x]
    slots = 16
    while slots < 2 * contacts:
        slots *= 2
    table = np.full(slots, -1, np.int64)
    pairs = np.empty((contacts, 2), np.int32)
    found = 0
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
                # Multiplying by an odd constant (2**64 / golden ratio) spreads near numbers.
                mixed = np.uint64(number) * np.uint64(0x9E3779B97F4A7C15)
                slot = np.int64(mixed >> np.uint64(32)) & (slots - 1)
                while table[slot] >= 0 and table[slot] != number:
                    slot = (slot + 1) & (slots - 1)
                if table[slot] < 0:
                    table[slot] = number
                    pairs[found, 0] = a
                    pairs[found, 1] = b
                    found += 1
    return pairs[:found].copy()
