"""Proposals on a picture: thin frames, coloured by source if there are several, or else by rank."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from detector.pictures.drawing import PALETTE, Colour

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

    from proposals import Proposals

# From the best to the last: from light and warm to dark and cold, distinct in greyscale too.
RAMP: tuple[Colour, ...] = ((255, 236, 92), (253, 150, 52), (226, 62, 104), (138, 40, 170))
SOURCES = {"selective_search": PALETTE[0], "multibox": PALETTE[4]}
DIMMED = 0.72  # share of the brightness that remains, so that thin lines stand out
INK, GROUND = (255, 255, 255), (24, 24, 24)
SMALLEST_SIDE = 800  # pictures with a shorter long side are enlarged, so that lines hide less


def draw_proposals(image: np.ndarray, proposals: Proposals, count: int) -> np.ndarray:
    """Draw the first `count` boxes on a dimmed picture, the best on top, and a caption below.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB; it is not modified.
    proposals
        Boxes in pixels of `image`, best first.

    Returns
    -------
    ndarray
        (H * f + caption, W * f, 3) uint8 RGB. The factor f is 1, or for a small picture the
        integer that makes its long side at least 800 pixels.
    """
    from PIL import Image, ImageDraw

    height, width = image.shape[:2]
    factor = max(1, math.ceil(SMALLEST_SIDE / max(height, width)))
    canvas = Image.fromarray((image * DIMMED).astype(np.uint8))
    if factor > 1:
        canvas = canvas.resize((width * factor, height * factor), Image.Resampling.BICUBIC)
    shown = proposals[:count]
    line = max(1, round(math.sqrt(canvas.width * canvas.height) / 450))
    sources = list(dict.fromkeys(shown.source.tolist()))
    colours = _source_colours(sources) if len(sources) > 1 else {}
    limits = [canvas.width, canvas.height] * 2
    frames = np.clip(np.rint(shown.boxes_xyxy * factor), 0, limits).astype(int).tolist()
    painter = ImageDraw.Draw(canvas, "RGBA")
    for row in reversed(range(len(shown))):
        rank = row / max(1, len(shown) - 1)
        colour = colours.get(str(shown.source[row])) or rank_colour(rank)
        # The last boxes are many and matter least, so they are translucent.
        _draw_frame(painter, frames[row], (*colour, round(255 - 110 * rank)), line)
    entries = [(source.replace("_", " "), [colours[source]]) for source in colours]
    boxes = f"best {len(shown)} of {len(proposals)} boxes"
    return np.array(_with_caption(canvas, boxes, entries or [("first to last", list(RAMP))]))


def rank_colour(rank: float) -> Colour:
    """Colour of a rank from 0 (best) to 1 (last)."""
    stops = np.linspace(0, 1, len(RAMP))
    red, green, blue = (
        round(np.interp(rank, stops, channel)) for channel in zip(*RAMP, strict=True)
    )
    return red, green, blue


def _source_colours(sources: list[str]) -> dict[str, Colour]:
    others = iter(PALETTE[5:] * len(sources))
    return {source: SOURCES.get(source) or next(others) for source in sources}


def _draw_frame(
    painter: ImageDraw.ImageDraw, frame: list[int], ink: tuple[int, int, int, int], line: int
) -> None:
    x1, y1, x2, y2 = frame
    # Pixel rectangles are inclusive: the last column of a continuous box is x2 - 1.
    painter.rectangle((x1, y1, max(x2 - 1, x1), max(y2 - 1, y1)), outline=ink, width=line)


def _with_caption(
    picture: Image.Image, text: str, entries: list[tuple[str, list[Colour]]]
) -> Image.Image:
    """The picture above a dark strip with the text, then colours with their names."""
    from PIL import Image, ImageDraw, ImageFont

    size = max(13, round(math.sqrt(picture.width * picture.height) / 44))
    height = round(1.9 * size)
    canvas = Image.new("RGB", (picture.width, picture.height + height), GROUND)
    canvas.paste(picture)
    painter = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(size)
    middle, x = picture.height + height / 2, 0.7 * size
    painter.text((x, middle), text, fill=INK, font=font, anchor="lm")
    x += painter.textlength(text, font) + 1.4 * size
    for name, colours in entries:
        for colour in colours:
            painter.rectangle((x, middle - 0.3 * size, x + 0.6 * size, middle + 0.3 * size), colour)
            x += 0.6 * size
        x += 0.4 * size
        painter.text((x, middle), name, fill=INK, font=font, anchor="lm")
        x += painter.textlength(name, font) + 1.2 * size
    return canvas
