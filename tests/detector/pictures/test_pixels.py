"""Numbers of any range become visible 8-bit pixels, with a note where the range was guessed."""

from __future__ import annotations

import io
import warnings
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from detector.errors import DetectorError, DetectorWarning
from detector.pictures.reading import read_image


def encoded(image: Image.Image, format_name: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name)
    return buffer.getvalue()


def greys(source: Any) -> list[int]:
    """The first channel of the first row; a warning fails the test."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_image(source)[0, :, 0].tolist()


def stretched(source: Any) -> tuple[list[int], str]:
    """The first channel of the first row, and the one note that reading gives."""
    with pytest.warns(DetectorWarning) as caught:
        pixels = read_image(source)[0, :, 0].tolist()
    (warning,) = caught
    assert "\n" not in str(warning.message)
    return pixels, str(warning.message)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 3, 200, 255]], np.int64), [0, 3, 200, 255]),
        (np.array([[0, 3, 200]], np.uint16), [0, 3, 200]),
        (np.array([[0.0, 0.5, 1.0]]), [0, 128, 255]),
        (np.array([[0.25, 0.5]], np.float16), [64, 128]),
        (np.array([[0.0, 100.4, 255.0]], np.float32), [0, 100, 255]),
        (np.array([[0, 257, 32768]], np.int32), [0, 1, 128]),  # 32768 / 257 = 127.5019
        (np.array([[0.0, 0.0]]), [0, 0]),
        (np.array([[0, 0]], np.uint16), [0, 0]),
    ],
)
def test_usual_ranges_are_kept(values: np.ndarray, expected: list[int]) -> None:
    assert greys(values) == expected
    if values.dtype in (np.int32, np.uint16, np.float32):
        assert greys(Image.fromarray(values)) == expected


@pytest.mark.parametrize(
    ("values", "expected", "named"),
    [
        # 12 bits: 255 * 819 / 4095 = 51
        (np.array([[0, 819, 4095]], np.uint16), [0, 51, 255], "0..4095"),
        (np.array([[100, 200, 32767]], np.uint16), [0, 1, 255], "100..32767"),
        (np.array([[-1000, 0, 4000]], np.int32), [0, 51, 255], "-1000..4000"),
        (np.array([[0, 70000]], np.int32), [0, 255], "0..70000"),
        (np.array([[-1.0, 0.0, 4.0]], np.float32), [0, 51, 255], "-1..4"),
        (np.array([[0.0, 300.0]]), [0, 255], "0..300"),
        (np.array([[0.0, 0.0125, 0.0625]], np.float32), [0, 51, 255], "0..0.0625"),
    ],
)
def test_other_ranges_are_stretched_and_noted(
    values: np.ndarray, expected: list[int], named: str
) -> None:
    sources: list[Any] = [values]
    if values.dtype in (np.int32, np.uint16, np.float32):
        sources.append(Image.fromarray(values))
    if values.dtype == np.uint16:
        sources += [encoded(Image.fromarray(values), kind) for kind in ("PNG", "TIFF")]
        sources.append(Image.frombytes("I;16B", (values.shape[1], 1), values.astype(">u2")))
    for source in sources:
        pixels, note = stretched(source)
        assert pixels == expected
        assert f"its values {named} are stretched to 0..255" in note


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [3, 4])
def test_colours_of_12_and_16_bits_in_a_file(suffix: str, channels: int) -> None:
    red_green_blue = np.array([[[4095, 819, 0], [1638, 0, 2457]]], np.uint16)
    opaque = np.full((1, 2, channels - 3), 4095, np.uint16)
    picture = np.concatenate([red_green_blue, opaque], axis=2)
    order = [2, 1, 0, 3][:channels]  # OpenCV writes BGR
    content = cv2.imencode(suffix, picture[..., order])[1].tobytes()
    for source in (content, Image.open(io.BytesIO(content)), picture):
        with pytest.warns(DetectorWarning, match=r"0\.\.4095"):
            assert read_image(source)[0].tolist() == [[255, 51, 0], [102, 0, 153]]
    content = cv2.imencode(suffix, (picture[..., order] * 16))[1].tobytes()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # 65520, 13104, 26208 and 39312, each divided by 257
        assert read_image(content)[0].tolist() == [[255, 51, 0], [102, 0, 153]]


def test_a_stretched_picture_keeps_its_turn_and_a_cut_one_is_damaged() -> None:
    picture = np.zeros((8, 4, 3), np.uint16)
    picture[0, 0] = 4095
    content = cv2.imencode(".png", picture)[1].tobytes()
    turned = io.BytesIO()
    exif = Image.Exif()
    exif[274] = 6  # the stored left edge is the top
    grey = Image.fromarray(picture[..., 0])
    grey.save(turned, "PNG", exif=exif)
    with pytest.warns(DetectorWarning):
        upright = read_image(turned.getvalue())
    assert upright.shape == (4, 8, 3) and upright[0, 7].tolist() == [255, 255, 255]
    with pytest.raises(DetectorError, match="damaged or cut short"):
        read_image(content[: len(content) // 2])


def test_numbers_that_are_not_finite_become_black() -> None:
    values = np.array([[np.nan, 0.5, 1.0, np.inf, -np.inf]], np.float32)
    for source in (values, Image.fromarray(values)):
        pixels, note = stretched(source)
        assert pixels == [0, 128, 255, 0, 0] and "3 of 5 values are NaN or infinite" in note
    with pytest.raises(DetectorError, match="all values are NaN or infinite; write the picture"):
        read_image(np.full((2, 2), np.nan))


def test_a_constant_picture_outside_the_usual_ranges_is_black() -> None:
    pixels, note = stretched(np.full((1, 3), 1000, np.uint16))
    assert pixels == [0, 0, 0] and "all its values are 1000; the picture becomes black" in note


def test_a_large_array_is_converted_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.arange(7 * 5, dtype=np.uint16).reshape(7, 5) * 100
    with pytest.warns(DetectorWarning):
        whole = read_image(values)
    monkeypatch.setattr("detector.pictures.pixels.VALUES_AT_A_TIME", 11)
    with pytest.warns(DetectorWarning):
        np.testing.assert_array_equal(read_image(values), whole)
    assert whole[6, 4].tolist() == [255, 255, 255]


def test_values_further_apart_than_the_largest_number_are_refused() -> None:
    with pytest.raises(DetectorError, match=r"values -1e\+308\.\.1e\+308 are no colours"):
        read_image(np.array([[-1e308, 1e308]]))


@pytest.mark.parametrize("dtype", [np.complex64, np.str_, object])
def test_what_is_no_number_is_refused(dtype: Any) -> None:
    with pytest.raises(DetectorError, match="expected whole or real numbers"):
        read_image(np.zeros((2, 2), dtype))
