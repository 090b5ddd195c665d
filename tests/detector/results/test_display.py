"""Detections in notebooks, in a viewer and in files."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageShow

from detector import Detections, DetectorError


def make(height: int = 300, width: int = 500, **changes: Any) -> Detections:
    image = np.full((height, width, 3), 128, np.uint8)
    values = {"boxes_xyxy": [[50, 60, 200, 220]], "scores": [0.9], "labels": [0], "image": image}
    return Detections(class_names=("cat",), image_size=(height, width), **{**values, **changes})


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_a_notebook_shows_the_drawn_picture() -> None:
    content = make()._repr_jpeg_()
    assert content is not None
    shown = opened(content)
    assert shown.format == "JPEG" and shown.size == (500, 300)
    difference = np.abs(np.asarray(shown).astype(int) - make().draw())
    assert difference.mean() < 2 and np.ptp(np.asarray(shown)) > 50


def test_a_notebook_stores_large_pictures_shrunk() -> None:
    content = make(1500, 3000)._repr_jpeg_()
    assert content is not None and opened(content).size == (1000, 500)


def test_without_the_picture_a_notebook_shows_the_text() -> None:
    assert make(image=None)._repr_jpeg_() is None


def test_show_displays_below_the_cell_in_a_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    ipython, display = ModuleType("IPython"), ModuleType("IPython.display")
    ipython.get_ipython = lambda: SimpleNamespace(kernel=object())  # type: ignore[attr-defined]
    display.Image = SimpleNamespace  # type: ignore[attr-defined]
    display.display = shown.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    make().show()
    assert [one.format for one in shown] == ["jpeg"] and opened(shown[0].data).size == (500, 300)


class Viewer(ImageShow.Viewer):
    """A viewer that keeps what it is to show."""

    def __init__(self) -> None:
        self.shown: list[Image.Image] = []

    def show(self, image: Image.Image, **_: Any) -> int:
        self.shown.append(image)
        return 1


def test_show_opens_the_system_s_viewer(monkeypatch: pytest.MonkeyPatch) -> None:
    viewer = Viewer()
    monkeypatch.setattr(ImageShow, "_viewers", [viewer])
    monkeypatch.setenv("DISPLAY", ":0")
    make().show()
    assert [picture.size for picture in viewer.shown] == [(500, 300)]


@pytest.mark.parametrize(("display", "viewers"), [(":0", []), ("", [Viewer()])])
def test_show_without_a_viewer_names_the_remedy(
    display: str, viewers: list[Viewer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(ImageShow, "_viewers", viewers)
    with pytest.raises(
        DetectorError, match=r"no screen or no program that shows pictures.*save\(path\)"
    ):
        make().show()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tif"])
def test_save_never_overwrites_a_photograph(tmp_path: Path, suffix: str) -> None:
    photograph = tmp_path / f"cat{suffix}"
    Image.fromarray(make().draw()).save(photograph)
    before = photograph.read_bytes()
    with pytest.raises(DetectorError, match="would be overwritten"):
        make().save(photograph)
    assert photograph.read_bytes() == before
    drawing = tmp_path / f"drawn{suffix}"
    make().save(drawing)
    make(scores=[0.5]).save(drawing)  # an earlier drawing is replaced
