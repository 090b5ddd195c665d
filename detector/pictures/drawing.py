"""Frames and labels on a picture, legible at any size and on any background."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias, cast

import numpy as np

from detector.pictures.labels import Label, place_labels

if TYPE_CHECKING:
    from PIL import ImageDraw, ImageFont

Colour: TypeAlias = tuple[int, int, int]

# Pictures with a shorter long side are enlarged, for text must be about 12 pixels high.
SMALLEST_SIDE = 400

# After Okabe and Ito, and Paul Tol. Neighbours differ in lightness as well as in hue, so that
# colour-blind people can distinguish them.
PALETTE: tuple[Colour, ...] = (
    *((230, 159, 0), (0, 114, 178), (240, 228, 66), (213, 94, 0), (86, 180, 233)),
    *((0, 158, 115), (204, 121, 167), (136, 34, 85), (153, 221, 255), (68, 170, 68)),
    *((238, 102, 119), (51, 34, 136), (238, 221, 136), (17, 119, 51), (238, 51, 119)),
    *((187, 204, 51), (0, 225, 205), (255, 170, 187), (119, 72, 24), (170, 136, 238)),
)

# Tried in turn for names with letters that Pillow's own font (Latin) lacks.
WIDE_FONTS = (
    *("NotoSansCJK-Regular.ttc", "PingFang.ttc", "msyh.ttc", "wqy-zenhei.ttc", "YuGothM.ttc"),
    *("Arial Unicode.ttf", "NotoSans-Regular.ttf", "DejaVuSans.ttf", "arial.ttf"),
)


def draw_detections(
    image: np.ndarray,
    boxes_xyxy: np.ndarray,
    scores: np.ndarray,
    labels: np.ndarray,
    class_names: Sequence[str],
) -> np.ndarray:
    """Draw every box with its class name and score; the best lie on top.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB; it is not modified.
    boxes_xyxy
        (N, 4) float, pixels of `image`.
    scores
        (N,) float.
    labels
        (N,) int, index into `class_names`.

    Returns
    -------
    ndarray
        (H * f, W * f, 3) uint8 RGB. The factor f is 1, or for a small picture the integer that
        makes its long side at least 400 pixels.
    """
    from PIL import Image, ImageDraw

    height, width = image.shape[:2]
    factor = max(1, math.ceil(SMALLEST_SIDE / max(height, width)))
    canvas = Image.fromarray(image)
    if factor > 1:
        canvas = canvas.resize((width * factor, height * factor), Image.Resampling.BICUBIC)
    size = math.sqrt(canvas.width * canvas.height)
    line = max(2, round(size / 220))
    font = _font(max(13, round(size / 36)), class_names)
    colours = class_colours(class_names)
    frames = np.rint(boxes_xyxy * factor).astype(np.int64)
    # A side outside the picture would be invisible.
    frames = np.clip(frames, 0, [*canvas.size, *canvas.size])
    texts = [class_names[label] for label in labels.tolist()]
    placed = place_labels(frames, texts, scores.tolist(), font, line, canvas.size)
    painter = ImageDraw.Draw(canvas)
    for row in np.argsort(scores, kind="stable"):
        _draw_frame(painter, frames[row].tolist(), colours[labels[row]], line)
    for label in reversed(placed):
        _draw_label(painter, label, colours[labels[label.row]], font)
    return np.array(canvas)


def class_colours(class_names: Sequence[str]) -> list[Colour]:
    """A different colour for every class; a name has the same colour in every run.

    A checksum of the name chooses the colour. If two names choose the same, the later in
    `class_names` takes the next free one.
    """
    palette = [*PALETTE, *_more_colours(len(class_names) - len(PALETTE))]
    taken: set[int] = set()
    colours = []
    for name in class_names:
        slot = zlib.crc32(name.encode("utf-8", "replace")) % len(palette)
        while slot in taken:
            slot = (slot + 1) % len(palette)
        taken.add(slot)
        colours.append(palette[slot])
    return colours


def _more_colours(count: int) -> list[Colour]:
    """Any number of colours beyond the palette: hues by the golden ratio, three lightnesses."""
    import colorsys

    colours = []
    for step in range(max(count, 0)):
        hue = (0.05 + step * 0.618033988749895) % 1
        red, green, blue = colorsys.hls_to_rgb(hue, (0.35, 0.55, 0.75)[step % 3], 0.75)
        colours.append((round(red * 255), round(green * 255), round(blue * 255)))
    return colours


def _ink(colour: Colour) -> Colour:
    """Black or white, whichever contrasts more with a colour (relative luminance, WCAG 2)."""
    linear = [(part / 255) ** 2.2 for part in colour]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return (0, 0, 0) if luminance > 0.18 else (255, 255, 255)


def _draw_frame(
    painter: ImageDraw.ImageDraw, frame: Sequence[int], colour: Colour, line: int
) -> None:
    """A band in the class colour between two thin black or white lines."""
    x1, y1, x2, y2 = frame
    edge = max(1, line // 3)
    # Pixel rectangles are inclusive: the last column of a continuous box is x2 - 1.
    outer = (x1 - edge, y1 - edge, max(x2 - 1, x1) + edge, max(y2 - 1, y1) + edge)
    painter.rectangle(outer, outline=_ink(colour), width=line + 2 * edge)
    painter.rectangle((x1, y1, max(x2 - 1, x1), max(y2 - 1, y1)), outline=colour, width=line)


def _draw_label(
    painter: ImageDraw.ImageDraw, label: Label, colour: Colour, font: ImageFont.FreeTypeFont
) -> None:
    x1, y1, x2, y2 = label.place
    painter.rectangle((x1, y1, x2 - 1, y2 - 1), fill=colour)
    centre = ((x1 + x2) / 2, (y1 + y2) / 2)
    painter.text(centre, label.text, fill=_ink(colour), font=font, anchor="mm")


def _font(size: int, class_names: Sequence[str]) -> ImageFont.FreeTypeFont:
    from PIL import ImageFont

    if not all(letter < "\u0180" for name in class_names for letter in name):
        for file_name in WIDE_FONTS:
            try:
                return ImageFont.truetype(file_name, size)
            except OSError:
                continue
    return cast("ImageFont.FreeTypeFont", ImageFont.load_default(size))
