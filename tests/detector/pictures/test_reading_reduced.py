"""Large pictures are read with fewer pixels, and their boxes are those of the photograph."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.ImageFile import ImageFile

from detector.errors import DetectorError
from detector.pictures.reading import ScaledPicture, read_image, read_scaled

SLOPE = np.add.outer(np.arange(83), np.arange(121)).astype(np.uint8)  # 0..202, smooth
PHOTO = np.stack([SLOPE, SLOPE[::-1], np.full_like(SLOPE, 90)], axis=2)


def encoded(image: Image.Image, format_name: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures of more than 2,000 pixels are large."""
    monkeypatch.setattr("detector.pictures.reading.LARGE", 2000)


def forms(image: Image.Image) -> dict[str, Any]:
    content = {
        "jpeg": encoded(image, "JPEG", quality=95, subsampling=0),
        "progressive": encoded(image, "JPEG", quality=95, subsampling=0, progressive=True),
        "png": encoded(image, "PNG"),
        "tiff": encoded(image, "TIFF"),
        "webp": encoded(image, "WEBP", lossless=True),
        "bmp": encoded(image, "BMP"),
    }
    return {**content, "pil": image, "array": np.asarray(image)}


@pytest.mark.parametrize("form", forms(Image.fromarray(PHOTO)))
@pytest.mark.parametrize("band", [8_000_000, 300])
def test_a_large_picture_is_halved_until_it_fits(
    form: str, band: int, small_limit: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("detector.pictures.decoding.BAND", band)
    picture = read_scaled(forms(Image.fromarray(PHOTO))[form])
    # 83 x 121 / 4^1 is 2510 and too much; / 4^2 is 627
    assert picture.pixels.shape == (21, 31, 3) and picture.size == (83, 121)
    assert picture.pixels.flags.c_contiguous and picture.pixels.dtype == np.uint8
    # the middle of every 4 x 4 pixels, which differ by 6 at most
    middle = PHOTO[2::4, 2::4].astype(int)
    assert np.abs(picture.pixels[:20, :30] - middle[:20, :30]).max() <= 6


def test_a_jpeg_file_is_reduced_by_its_decoder(
    small_limit: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = []
    original = ImageFile.load

    def recorded(self: ImageFile) -> Any:
        decoded.append(self.size)
        return original(self)

    jpeg = encoded(Image.fromarray(PHOTO), "JPEG")
    monkeypatch.setattr(ImageFile, "load", recorded)
    read_scaled(jpeg)
    assert set(decoded) == {(31, 21)}


def test_a_small_picture_is_read_whole() -> None:
    for source in forms(Image.fromarray(PHOTO)).values():
        picture = read_scaled(source)
        assert picture.size == (83, 121)
        np.testing.assert_array_equal(picture.pixels, read_image(source))
        boxes = np.array([[1, 2, 30.5, 40]], np.float32)
        assert picture.to_photograph(boxes) is boxes and picture.to_pixels(boxes) is boxes


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_the_size_is_that_of_the_upright_photograph(
    orientation: int, format_name: str, small_limit: None
) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    content = encoded(Image.fromarray(PHOTO), format_name, exif=exif)
    picture, whole = read_scaled(content), read_image(content)
    assert picture.size == whole.shape[:2] == ((83, 121) if orientation < 5 else (121, 83))
    assert picture.pixels.shape == ((21, 31, 3) if orientation < 5 else (31, 21, 3))
    middle = whole[2::4, 2::4].astype(int)
    # lossy files, and a last row that may now come first
    assert np.abs(picture.pixels[1:19, 1:19] - middle[1:19, 1:19]).mean() <= 8


def test_a_picture_of_the_caller_keeps_its_size(small_limit: None) -> None:
    image = Image.open(io.BytesIO(encoded(Image.fromarray(PHOTO), "JPEG")))
    assert read_scaled(image).pixels.shape == (21, 31, 3)
    assert image.size == (121, 83)


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "I;16", "I", "F", "LAB"])
def test_every_mode_is_reduced(mode: str, small_limit: None) -> None:
    if mode == "I;16":
        image = Image.fromarray(SLOPE.astype(np.uint16) * 257)
    elif mode == "LAB":
        image = Image.new("LAB", (121, 83), (128, 0, 0))
    else:
        image = Image.fromarray(SLOPE).convert(mode)
    whole = read_image(image)
    picture = read_scaled(image)
    assert picture.pixels.shape == (21, 31, 3) and picture.size == (83, 121)
    blocks = whole[:80, :120].reshape(20, 4, 30, 4, 3).mean((1, 3))
    # a column of one pixel at the edge counts like four, which shifts the others a little
    assert np.abs(picture.pixels[:20, :30] - blocks).mean() < (20 if mode == "1" else 3)


@pytest.mark.parametrize("form", forms(Image.fromarray(PHOTO)))
@pytest.mark.parametrize(("side", "shape"), [(40, (27, 40, 3)), (121, None), (5000, None)])
def test_the_longest_side_can_be_chosen(form: str, side: int, shape: Any) -> None:
    picture = read_scaled(forms(Image.fromarray(PHOTO))[form], max_side=side)
    assert picture.pixels.shape == (shape or PHOTO.shape) and picture.size == (83, 121)
    if shape:  # a pixel in the middle keeps its colour: 83 / 27 and 121 / 40 are about 3
        like = PHOTO[13 * 83 // 27 + 1, 20 * 121 // 40 + 1].astype(int)
        assert np.abs(picture.pixels[13, 20] - like).max() <= 6


def test_a_longest_side_below_one_is_refused() -> None:
    with pytest.raises(DetectorError, match="max_side is 0; use 1 or more"):
        read_scaled(PHOTO, max_side=0)


@given(
    st.tuples(st.integers(2, 60), st.integers(2, 60)),
    st.integers(1, 9),
    st.lists(st.tuples(*[st.floats(0, 1)] * 4), max_size=5),
)
@settings(max_examples=60, deadline=None)
def test_boxes_go_to_the_pixels_and_back(
    shape: tuple[int, int], factor: int, fractions: list[tuple[float, ...]]
) -> None:
    height, width = shape[0] * factor, shape[1] * factor
    picture = ScaledPicture(np.zeros((*shape, 3), np.uint8), (height, width))
    boxes = (np.array(fractions).reshape(-1, 4) * [width, height, width, height]).astype(np.float32)
    np.testing.assert_allclose(picture.to_pixels(boxes), boxes / factor, rtol=1e-6, atol=1e-30)
    back = picture.to_photograph(picture.to_pixels(boxes))
    np.testing.assert_allclose(back, boxes, rtol=1e-5, atol=1e-30)
    assert back.dtype == np.float32 and (back <= [width, height, width, height]).all()


def test_the_limit_is_set_by_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(PHOTO).save(path)
    monkeypatch.setenv("DETECT_MAX_PIXELS", "10042")
    for read in (read_image, read_scaled):
        with pytest.raises(DetectorError, match="121 x 83 pixels are more than the limit of 10,04"):
            read(path)
    assert read_image(path, max_pixels=10043).shape == PHOTO.shape
    monkeypatch.setenv("DETECT_MAX_PIXELS", "10043")
    assert read_scaled(path).size == (83, 121)
    for wrong in ("many", "0", "-5", "1e9"):
        monkeypatch.setenv("DETECT_MAX_PIXELS", wrong)
        with pytest.raises(DetectorError, match=f"DETECT_MAX_PIXELS is '{wrong}'; set it to a num"):
            read_image(path)
    monkeypatch.setenv("DETECT_MAX_PIXELS", "")
    assert read_image(path).shape == PHOTO.shape
