"""Torch tensors and open files are pictures in the conventions of torchvision and of Pillow."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors
from torchvision.transforms import v2

from detector import DetectorError, read_image
from detector.pictures.reading import read_scaled

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
WHOLE = torch.from_numpy(PIXELS)  # (H, W, C)
FIRST = WHOLE.permute(2, 0, 1)  # (C, H, W)


@pytest.mark.parametrize(
    "tensor",
    [
        WHOLE,
        FIRST,
        FIRST[None],
        FIRST / 255,
        (FIRST / 255).double().requires_grad_(),
        (FIRST / 255) * 1.0005,  # as resizing leaves it
        v2.functional.to_image(Image.fromarray(PIXELS)),
        tv_tensors.Image(FIRST / 255),
        v2.functional.to_dtype(FIRST.to(torch.uint8), torch.float32, scale=True),
    ],
)
def test_the_same_picture_in_every_layout(tensor: torch.Tensor) -> None:
    np.testing.assert_array_equal(read_image(tensor), PIXELS)
    np.testing.assert_array_equal(read_scaled(tensor).pixels, PIXELS)


def test_half_precision_is_as_near_as_its_digits() -> None:
    for dtype in (torch.float16, torch.bfloat16):
        read = read_image((FIRST / 255).to(dtype))
        assert np.abs(read.astype(int) - PIXELS).max() <= (1 if dtype == torch.bfloat16 else 0)


def test_a_dark_picture_in_floats_stays_dark() -> None:
    np.testing.assert_array_equal(read_image(torch.full((3, 5, 6), 2 / 255)), 2)


def test_grey_is_repeated_and_opacity_is_put_on_white() -> None:
    grey = torch.tensor([[0, 128], [255, 7]], dtype=torch.uint8)
    for tensor in (grey, grey[None], grey[..., None].expand(2, 2, 1)):
        assert read_image(tensor).tolist() == [[[0] * 3, [128] * 3], [[255] * 3, [7] * 3]]
    clear = torch.cat([FIRST, torch.zeros((1, 6, 8), dtype=torch.uint8)])
    assert (read_image(clear) == 255).all()


@pytest.mark.parametrize(
    ("tensor", "message"),
    [
        (FIRST.float(), r"tensor is float32 with values .*; expected 0\.\.1.*divide by 255"),
        (FIRST / 255 * 4 - 2, r"values -2\.\.1\.\d+; expected 0\.\.1.*before Normalize"),
        (torch.full((3, 4, 5), torch.nan), r"values nan\.\.nan; expected 0\.\.1"),
        (FIRST.long(), r"tensor is int64 with values .*call \.to\(torch\.uint8\)"),
        (torch.zeros(2, 3, 4, 5), r"shape \(2, 3, 4, 5\), a batch of 2.*detector\.stream\(batch\)"),
        (torch.zeros(3, 4, 3), r"shape \(3, 4, 3\), in which the first or the last side"),
        (torch.zeros(5, 6, 7), r"shape \(5, 6, 7\); expected \(C, H, W\) or \(H, W, C\)"),
        (torch.zeros(7), r"shape \(7,\); expected"),
        (torch.zeros(3, 0, 5), r"is empty; expected at least one pixel"),
        (torch.zeros(3, 4, 5, dtype=torch.complex64), r"tensor is complex64"),
        (FIRST.to_sparse(), r"tensor cannot become an array \(.*[Ss]parse.*; pass a dense one"),
        (torch.zeros(3, 4, 5, device="meta"), r"tensor cannot become an array \(.*meta tensor"),
    ],
)
def test_an_ambiguous_tensor_is_refused_with_its_remedy(tensor: Any, message: str) -> None:
    with pytest.raises(DetectorError, match=message) as caught:
        read_image(tensor)
    assert "\n" not in str(caught.value)


def test_a_lazily_negated_tensor_is_a_picture() -> None:
    colours = torch.full((3, 4, 5), 1j).conj().imag  # -1, which torch has not computed yet
    with pytest.raises(DetectorError, match=r"values -1\.\.-1"):
        read_image(colours)
    np.testing.assert_array_equal(read_image((-colours).half()), np.full((4, 5, 3), 255))


def png() -> bytes:
    file = io.BytesIO()
    Image.fromarray(PIXELS).save(file, "PNG")
    return file.getvalue()


def test_open_files_are_read_from_their_beginning(tmp_path: Path) -> None:
    path, packed = tmp_path / "picture.png", tmp_path / "pictures.zip"
    path.write_bytes(png())
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("picture.png", png())
    written = io.BytesIO()
    Image.fromarray(PIXELS).save(written, "PNG")  # which leaves the position at the end
    with path.open("rb") as file, zipfile.ZipFile(packed).open("picture.png") as member:
        for source in (file, member, written, io.BytesIO(png())):
            np.testing.assert_array_equal(read_image(source), PIXELS)
            np.testing.assert_array_equal(read_scaled(source).pixels, PIXELS)
        assert not file.closed
    np.testing.assert_array_equal(read_image(path), PIXELS)


def test_files_that_hold_no_picture_are_named(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no picture")
    with path.open("rb") as file, pytest.raises(DetectorError, match=r"notes\.txt: not a picture"):
        read_image(file)
    with (
        path.open() as text,
        pytest.raises(DetectorError, match=r'notes\.txt: opened as text.*"rb"'),
    ):
        read_image(text)  # type: ignore[arg-type]
    with pytest.raises(DetectorError, match=r"notes\.txt: cannot be read .*; open the file again"):
        read_image(file)
    with pytest.raises(DetectorError, match="open file: the file is empty"):
        read_image(io.BytesIO())


@pytest.mark.parametrize("several", [[PIXELS, PIXELS], (PIXELS,), iter([PIXELS])])
def test_several_pictures_lead_to_stream(several: Any) -> None:
    with pytest.raises(DetectorError, match=r"detected by detector\.stream\(pictures\)"):
        read_image(several)
