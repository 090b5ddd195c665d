"""Generated pictures for golden hashes; integer arithmetic alike on every machine."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


def _noise(height: int, width: int, seed: int) -> NDArray[np.int64]:
    """Numbers 0..255 from an integer hash of position and seed, (H, W, 3)."""
    y, x, c = np.indices((height, width, 3)).astype(np.uint64)
    mixed = (y * np.uint64(73856093)) ^ (x * np.uint64(19349663)) ^ (c * np.uint64(83492791))
    mixed = (mixed + np.uint64(seed)) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    return (mixed >> np.uint64(56)).astype(np.int64)


def scene() -> Image:
    """Coloured rectangles and discs on a gradient, with noise."""
    height, width = 150, 200
    y, x = np.indices((height, width))
    image = np.stack([x + 20, 220 - y, (x + y) // 2 + 30], axis=2)
    for i in range(14):
        top, left = (i * 37) % 120, (i * 53) % 170
        inside = (y >= top) & (y < top + 25 + i) & (x >= left) & (x < left + 45 - 2 * i)
        if i % 3 == 0:
            inside = (y - top) ** 2 + (x - left) ** 2 < (10 + i) ** 2
        image[inside] = [(i * 67) % 256, (i * 131) % 256, (i * 29) % 256]
    noisy = image + _noise(height, width, 1) // 16 - 8
    return np.clip(noisy, 0, 255).astype(np.uint8)


def noise() -> Image:
    """Noise in blocks of 3 pixels: many small regions."""
    blocks = _noise(34, 40, 2).astype(np.uint8)
    return np.ascontiguousarray(np.kron(blocks, np.ones((3, 3, 1), np.uint8))[:100, :118])


def stripes() -> Image:
    """Vertical stripes of 7 pixels, with ties everywhere."""
    image = np.zeros((60, 91, 3), np.uint8)
    image[:, :, 0] = 90
    image[:, (np.arange(91) // 7) % 2 == 0] = (200, 40, 60)
    return image


def waves() -> Image:
    """Smooth triangle waves with few edges, like photographs out of focus."""
    y, x = np.indices((140, 110))
    channels = [abs((x * a + y * b) % 256 - 128) for a, b in ((3, 1), (1, 2), (2, 5))]
    return np.stack(channels, axis=2).astype(np.uint8)


IMAGES: dict[str, Callable[[], Image]] = {
    "scene": scene,
    "noise": noise,
    "stripes": stripes,
    "waves": waves,
}
