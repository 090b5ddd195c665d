"""Pictures of detections: on the screen, in a notebook, and cut out."""

from __future__ import annotations

import importlib
import io
import os
import sys

import numpy as np

from detector.errors import DetectorError

NOTEBOOK_SIDE = 1000  # pixels; notebooks store every picture that they show


def show(image: np.ndarray) -> None:
    """Show an (H, W, 3) uint8 RGB picture below the notebook's cell, or in a viewer.

    Raises
    ------
    DetectorError
        Outside a notebook, on a machine without a screen or a picture viewer.
    """
    if in_notebook():
        notebook = importlib.import_module("IPython.display")
        notebook.display(notebook.Image(data=jpeg(image), format="jpeg"))
        return
    from PIL import Image, ImageShow

    if not _has_screen() or not ImageShow.show(Image.fromarray(image)):
        raise DetectorError(
            "this machine has no screen or no program that shows pictures; "
            "write the picture with save(path) and open the file elsewhere"
        )


def jpeg(image: np.ndarray) -> bytes:
    """A JPEG file of an (H, W, 3) uint8 RGB picture, shrunk to at most 1,000 pixels a side."""
    from PIL import Image

    picture = Image.fromarray(image)
    picture.thumbnail((NOTEBOOK_SIDE, NOTEBOOK_SIDE))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return file.getvalue()


def crops(image: np.ndarray, boxes_xyxy: np.ndarray) -> list[np.ndarray]:
    """Copies of an (H, W, 3) picture inside boxes (N, 4), rounded outwards, at least a pixel."""
    height, width = image.shape[:2]
    lower = np.floor(boxes_xyxy[:, :2]).clip(0, [width - 1, height - 1]).astype(int)
    upper = np.ceil(boxes_xyxy[:, 2:]).clip(lower + 1, [width, height]).astype(int)
    pairs = zip(lower.tolist(), upper.tolist(), strict=True)
    return [image[y1:y2, x1:x2].copy() for (x1, y1), (x2, y2) in pairs]


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this code; IPython in a terminal shows no pictures."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None) is not None


def _has_screen() -> bool:
    """False on Linux without a display server, where viewers start and fail."""
    names = ("DISPLAY", "WAYLAND_DISPLAY")
    return sys.platform != "linux" or any(os.environ.get(name) for name in names)
