"""HEIC pictures, with pillow-heif and without, and AVIF pictures, which Pillow reads itself."""

from __future__ import annotations

import importlib.util
import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from detector.errors import DetectorError
from detector.pictures.reading import read_image

# Red on the left, blue on the right
HALVES = np.zeros((64, 96, 3), np.uint8)
HALVES[:, :48, 0] = HALVES[:, 48:, 2] = 255
# What precedes the pixels: the length of the box, its type, the brand, and nothing more
HEADER = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"


def test_heic_is_read_by_pillow_heif(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif")
    heif.from_pillow(Image.fromarray(HALVES)).save(tmp_path / "1.heic", quality=95)
    for source in (tmp_path / "1.heic", (tmp_path / "1.heic").read_bytes()):
        pixels = read_image(source)
        assert pixels.shape == (64, 96, 3) and pixels.dtype == np.uint8
        for column, colour in ((10, (255, 0, 0)), (-10, (0, 0, 255))):
            np.testing.assert_allclose(pixels[32, column].astype(int), colour, atol=8)
    content = (tmp_path / "1.heic").read_bytes()
    with pytest.raises(DetectorError, match="damaged or cut short"):
        read_image(content[: len(content) // 2])


def test_avif_is_read(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.fromarray(HALVES).save(file, "AVIF", quality=90)
    pixels = read_image(file.getvalue())
    np.testing.assert_allclose(pixels[32, 10].astype(int), (255, 0, 0), atol=8)


def test_without_pillow_heif_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec

    def without(name: str, *more: Any) -> Any:
        return None if name == "pillow_heif" else find(name, *more)

    monkeypatch.setattr("detector.extras.find_spec", without)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # import raises ImportError
    monkeypatch.setattr(Image, "OPEN", {k: v for k, v in Image.OPEN.items() if k != "HEIF"})
    monkeypatch.setattr(Image, "ID", [name for name in Image.ID if name != "HEIF"])
    path = tmp_path / "1.heic"
    path.write_bytes(HEADER)
    with pytest.raises(DetectorError) as error:
        read_image(path)
    assert str(error.value) == (
        f"{path}: reading HEIC pictures needs pillow_heif; "
        'run pip install ".[heic]" in the clone of this program'
    )
    # neither is another container of the same family taken for HEIC
    with pytest.raises(DetectorError, match="not a picture that can be read"):
        read_image(HEADER.replace(b"heic", b"isom"))
