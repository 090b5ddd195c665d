"""A picture in any form gives the same upright RGB pixels, or one clear line."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from detector.errors import DetectorError
from detector.pictures.reading import read_image

RNG = np.random.default_rng(7)
PHOTO = RNG.integers(0, 256, (40, 60, 3), dtype=np.uint8)


def encoded(image: Image.Image, format_name: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A well-formed PNG that declares a size and contains almost nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + checksum

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def one_line(source: Any, **options: int) -> str:
    """The message of the DetectorError that reading raises."""
    with pytest.raises(DetectorError) as caught:
        read_image(source, **options)
    message = str(caught.value)
    assert "\n" not in message and len(message) > 20
    return message


def test_path_bytes_and_pil_give_the_same_pixels(tmp_path: Path) -> None:
    content = encoded(Image.fromarray(PHOTO), "JPEG", quality=80)
    path = tmp_path / "ünï 日本.jpg"
    path.write_bytes(content)
    ways: list[Any] = [
        path,
        str(path),
        content,
        bytearray(content),
        Image.open(io.BytesIO(content)),
    ]
    pictures = [read_image(way) for way in ways]
    for picture in pictures:
        assert picture.dtype == np.uint8 and picture.shape == (40, 60, 3)
        assert picture.flags.c_contiguous and picture.flags.writeable
        np.testing.assert_array_equal(picture, pictures[0])
    np.testing.assert_array_equal(read_image(encoded(Image.fromarray(PHOTO), "PNG")), PHOTO)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "TIFF"])
def test_a_picture_comes_through_a_pipe(format_name: str) -> None:
    content = encoded(Image.fromarray(PHOTO), format_name)
    reading, writing = os.pipe()
    with open(reading, "rb"):
        with open(writing, "wb") as file:
            file.write(content)
        picture = read_image(f"/dev/fd/{reading}")
    np.testing.assert_array_equal(picture, read_image(content))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_exif_orientation_makes_the_picture_upright(orientation: int, format_name: str) -> None:
    # The sides that the EXIF standard assigns to row 0 and column 0, inverted by hand.
    upright = np.zeros((32, 48, 3), dtype=np.uint8)
    upright[:16, :16], upright[:16, 16:], upright[16:, :16] = 250, 150, 80
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[274] = orientation
    image = Image.fromarray(np.ascontiguousarray(stored))
    content = encoded(
        image, format_name, exif=exif, **({"quality": 95} if "J" in format_name else {})
    )
    for source in (content, Image.open(io.BytesIO(content))):
        picture = read_image(source)
        assert picture.shape == upright.shape
        assert np.abs(picture.astype(int) - upright).mean() < 3


def test_orientation_agrees_with_pillow() -> None:
    from PIL import ImageOps

    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[274] = orientation
        content = encoded(Image.fromarray(PHOTO), "PNG", exif=exif)
        expected = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(content))))
        np.testing.assert_array_equal(read_image(content), expected)


def test_sixteen_bit_grey_is_divided_by_257(tmp_path: Path) -> None:
    grey = np.array([[0, 128, 129, 257, 32896, 65535]], dtype=np.uint16)
    expected = np.array([0, 0, 1, 1, 128, 255], dtype=np.uint8)
    for source in (
        grey,
        encoded(Image.fromarray(grey), "PNG"),
        encoded(Image.fromarray(grey), "TIFF"),
        Image.fromarray(grey.astype(np.int32)),
        Image.fromarray(grey.astype(">u2")),
    ):
        picture = read_image(source)
        assert picture.shape == (1, 6, 3)
        for channel in range(3):
            np.testing.assert_array_equal(picture[0, :, channel], expected)


def test_transparent_pixels_become_white() -> None:
    rgba = np.zeros((1, 4, 4), dtype=np.uint8)
    rgba[0, :, 0], rgba[0, :, 3] = 201, [0, 51, 128, 255]
    # the third red is (201 * 128 + 255 * 127) / 255 = 227.9
    expected = [[255, 255, 255], [244, 204, 204], [228, 127, 127], [201, 0, 0]]
    for source in (rgba, Image.fromarray(rgba), encoded(Image.fromarray(rgba), "PNG")):
        assert read_image(source)[0].tolist() == expected
    grey_alpha = np.array([[[100, 0], [100, 255]]], dtype=np.uint8)
    grey = read_image(encoded(Image.fromarray(grey_alpha, "LA"), "PNG"))
    assert grey[0, :, 0].tolist() == [255, 100]


def test_palette_with_and_without_transparency() -> None:
    palette = Image.fromarray(np.array([[0, 1, 2]], dtype=np.uint8), "P")
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    assert read_image(palette)[0].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255]]
    clear = read_image(encoded(palette, "PNG", transparency=1))
    assert clear[0].tolist() == [[255, 0, 0], [255, 255, 255], [0, 0, 255]]


def test_cmyk_jpeg_is_not_inverted() -> None:
    red = Image.new("RGB", (32, 32), (230, 20, 10))
    picture = read_image(encoded(red.convert("CMYK"), "JPEG", quality=95))
    assert np.abs(picture.mean(axis=(0, 1)) - [230, 20, 10]).max() < 12


@pytest.mark.parametrize("mode", ["1", "L", "YCbCr", "HSV", "RGBX", "RGBa", "La", "PA", "I;16B"])
def test_every_other_mode_is_read(mode: str) -> None:
    if mode == "RGBa":
        image = Image.new("RGBA", (5, 4), "white").convert("RGBa")
    elif mode == "La":
        image = Image.new("LA", (5, 4), (255, 255)).convert("La")
    elif mode == "I;16B":
        image = Image.frombytes(mode, (5, 4), b"\xff" * 40)
    elif mode == "PA":
        image = Image.new("L", (5, 4), 255).convert("P").convert("PA")
    else:
        image = Image.new("RGB", (5, 4), "white").convert(mode)
    picture = read_image(image)
    assert picture.shape == (4, 5, 3) and picture.min() >= 254


def test_first_frame_of_several() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    for format_name in ("GIF", "TIFF", "PNG", "WEBP"):
        options = {"lossless": True} if format_name == "WEBP" else {}
        content = encoded(
            frames[0], format_name, save_all=True, append_images=frames[1:], **options
        )
        assert read_image(content)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.filterwarnings("ignore::detector.errors.DetectorWarning")
@given(
    hnp.arrays(
        st.sampled_from([np.uint8, np.uint16, np.bool_]),
        st.sampled_from([(3, 5), (3, 5, 1), (3, 5, 3), (3, 5, 4)]),
    )
)
@settings(max_examples=60, deadline=None)
def test_arrays_of_every_kind(array: np.ndarray) -> None:
    before = array.copy()
    picture = read_image(array)
    assert picture.shape == (3, 5, 3) and picture.dtype == np.uint8 and picture.flags.c_contiguous
    np.testing.assert_array_equal(array, before)
    if array.dtype == np.uint8 and array.shape == (3, 5, 3):
        np.testing.assert_array_equal(picture, array)
    if array.dtype == bool and array.ndim == 2:
        np.testing.assert_array_equal(picture[..., 1], np.where(array, 255, 0))


def test_read_only_and_strided_arrays_become_usable() -> None:
    frozen = PHOTO.copy()
    frozen.flags.writeable = False
    for array in (frozen, PHOTO[:, ::-1], PHOTO[::2]):
        picture = read_image(array)
        assert picture.flags.c_contiguous and picture.flags.writeable
        np.testing.assert_array_equal(picture, array)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.zeros((3, 20, 30), np.uint8), "transpose"),
        (np.zeros((20, 30, 2), np.uint8), "(20, 30, 2)"),
        (np.zeros((1, 20, 30, 3), np.uint8), "(1, 20, 30, 3)"),
        (np.zeros((0, 30, 3), np.uint8), "empty"),
        (np.zeros((20, 30), np.complex64), "complex64"),
        (np.zeros(5, np.uint8), "expected (H, W)"),
    ],
)
def test_ambiguous_arrays_are_rejected(array: np.ndarray, expected: str) -> None:
    assert expected in one_line(array)


def test_the_size_is_checked_in_the_header(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(30_000, 30_000))
    limit = Image.MAX_IMAGE_PIXELS
    for source in (path, path.read_bytes()):
        message = one_line(source)
        assert "30000 x 30000" in message and "500,000,000" in message
    assert "bomb.png" in one_line(path)
    assert "set DETECT_MAX_PIXELS=900000000" in one_line(path)
    assert "60 x 40" in one_line(Image.fromarray(PHOTO), max_pixels=2399)
    assert read_image(Image.fromarray(PHOTO), max_pixels=2400).shape == (40, 60, 3)
    assert limit == Image.MAX_IMAGE_PIXELS


def test_damaged_files_are_named(tmp_path: Path) -> None:
    files = {
        "short.jpg": encoded(Image.fromarray(PHOTO), "JPEG")[:-800],
        "short.png": encoded(Image.fromarray(PHOTO), "PNG")[:-900],
        "short.tif": encoded(Image.fromarray(PHOTO), "TIFF")[:-900],
        "short.gif": encoded(Image.fromarray(PHOTO), "GIF")[:60],
        "head.jpg": encoded(Image.fromarray(PHOTO), "JPEG")[:20],
        "text.jpg": b"This is not a picture at all.",
        "empty.jpg": b"",
        "zeros.png": bytes(500),
        "drawing.jpg": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.write_bytes(content)
        assert name in one_line(path)
    assert "again" in one_line(tmp_path / "short.jpg")
    assert "it is text: name a picture" in one_line(tmp_path / "text.jpg")
    assert "empty" in one_line(tmp_path / "empty.jpg")


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@given(st.integers(0, 10**6), st.integers(0, 255), st.sampled_from(["JPEG", "PNG", "GIF", "TIFF"]))
@settings(max_examples=80, deadline=None)
def test_a_changed_byte_reads_or_fails_clearly(place: int, value: int, format_name: str) -> None:
    content = bytearray(encoded(Image.fromarray(PHOTO), format_name))
    content[place % len(content)] = value
    try:
        assert read_image(bytes(content)).ndim == 3
    except DetectorError as error:
        assert "\n" not in str(error)


def test_names_that_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "street.jpg").write_bytes(encoded(Image.fromarray(PHOTO), "JPEG"))
    assert "street.jpg?" in one_line(tmp_path / "Street.jpeg")
    assert "does not exist" in one_line(tmp_path / "none" / "street.jpg")
    assert "folder" in one_line(tmp_path)
    assert "download" in one_line("https://example.org/street.jpg")
    assert "a\\x00b" in one_line("a\0b")
    assert "'new\\nline.jpg'" not in one_line(tmp_path / "new\nline.jpg")
    for source in (None, 3, {"street.jpg"}):
        assert "path" in one_line(source)


def test_what_opencv_returns_for_a_missing_file_is_explained() -> None:
    with pytest.raises(DetectorError, match=r"NoneType; cv2\.imread returns None for a file"):
        read_image(None)  # type: ignore[arg-type]


def test_text_is_not_to_be_saved_as_a_picture(tmp_path: Path) -> None:
    path = tmp_path / "instances.json"
    path.write_bytes(b'{\n "images": [],\n "annotations": []}')
    with pytest.raises(DetectorError, match="it is text: name a picture"):
        read_image(path)
    path.write_bytes(b"\x00\x01 no text at all")
    with pytest.raises(DetectorError, match="save it as JPEG or PNG"):
        read_image(path)


def test_a_broken_link_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.symlink_to("gone.jpg")
    message = one_line(broken)
    assert "broken.jpg: no such file; it links to gone.jpg, which does not exist" in message
    assert "did you mean" not in message


def test_a_link_to_itself_and_a_name_that_is_too_long(tmp_path: Path) -> None:
    circle, long = tmp_path / "circle.jpg", tmp_path / ("n" * 300 + ".jpg")
    circle.symlink_to("circle.jpg")
    assert one_line(circle).endswith("circle.jpg: a link that leads to itself; name the file")
    assert "cannot be opened (File name too long); check the path" in one_line(long)


@pytest.mark.parametrize("value", [0, 9, 65535])
def test_an_impossible_orientation_is_ignored(value: int) -> None:
    exif = Image.Exif()
    exif[274] = value
    content = encoded(Image.fromarray(PHOTO), "PNG", exif=exif)
    np.testing.assert_array_equal(read_image(content), PHOTO)


def test_damaged_exif_data_is_ignored() -> None:
    exif = Image.Exif()
    exif[274] = 6
    content = bytearray(encoded(Image.fromarray(PHOTO), "JPEG", exif=exif))
    whole = read_image(encoded(Image.fromarray(PHOTO), "JPEG"))
    place = content.index(b"Exif") + 6
    content[place : place + 8] = b"garbage!"
    np.testing.assert_array_equal(read_image(bytes(content)), whole)


def test_the_first_picture_of_an_mpo_file() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    content = encoded(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert np.abs(read_image(content)[0, 0] - [254.0, 0, 0]).max() <= 2


def test_lab_colours_become_rgb() -> None:
    # L 53.2, a 80.1, b 67.2 is the red of sRGB; Pillow stores L in 255ths and a, b as bytes
    lab = Image.frombytes("LAB", (1, 1), bytes([136, 80, 67]))
    assert np.abs(read_image(lab)[0, 0] - [255.0, 0, 0]).max() <= 12


def test_an_empty_picture_has_a_remedy() -> None:
    assert one_line(Image.new("RGB", (0, 5))).endswith("(0 x 5 pixels); export or copy it again")


@pytest.mark.parametrize("size", [(1, 60000), (60000, 1)])
def test_a_very_long_picture_is_read(size: tuple[int, int]) -> None:
    picture = read_image(encoded(Image.new("RGB", size, "red"), "PNG"))
    assert picture.shape == (size[1], size[0], 3) and picture[-1, -1].tolist() == [255, 0, 0]
