"""Files of boxes that the user brings, in every kind that is read -> boxes by picture.

| kind | content |
|---|---|
| .json | `{"street.jpg": [[x1, y1, x2, y2], ...]}` |
| .jsonl | the lines of `detect propose`, or lines with file_name and boxes_xyxy |
| .npz | `numpy.savez(file, **{"street.jpg": boxes})`, or one file of `detect propose` |
| .mat | R-CNN's: cells `images`, names without suffix, and `boxes`, 1-based [y1 x1 y2 x2] |
| a folder | the output of `detect propose` in either format |

Nothing is unpickled. Every error names the file and the record.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from detector.errors import DetectorError
from detector.files.names import printable
from detector.given_boxes import Floats, as_boxes

LINES, OF_PICTURES = "proposals.jsonl", "boxes"  # in the output folder of `detect propose`


class PictureRecord(NamedTuple):
    """The boxes that a file holds for one picture."""

    name: str
    boxes_xyxy: Floats  # (N, 4)
    sha256: str = ""  # of the picture's file; "" is unknown


def read_box_file(path: Path) -> list[PictureRecord]:
    """Read a file or folder of boxes.

    Raises
    ------
    DetectorError
        A damaged file, one of another kind, or a record without valid boxes.
    FileNotFoundError
        There is no such file.
    """
    if path.is_dir():
        return _from_folder(path)
    readers: dict[str, Callable[[Path], Iterator[PictureRecord]]] = {
        ".jsonl": _from_lines,
        ".npz": _from_npz,
        ".mat": _from_mat,
    }
    return list(readers.get(path.suffix.lower(), _from_json)(path))


def _record(place: str, name: str, boxes: Any, sha256: object = "") -> PictureRecord:
    """A checked record; `place` names its file and record in errors."""
    try:
        array = as_boxes(boxes)
    except DetectorError as error:
        raise DetectorError(f"{place}: {error}") from None
    outside = np.flatnonzero((array[:, 2:] < 0).any(1))
    if len(outside):
        row = outside[0]
        raise DetectorError(
            f"{place}: proposals: box {row} is {array[row].tolist()}, outside of every picture; "
            "give pixels counted from the upper left corner"
        )
    return PictureRecord(name, array, str(sha256 or ""))


def _from_json(path: Path) -> Iterator[PictureRecord]:
    import orjson

    expected = 'write it as {"street.jpg": [[x1, y1, x2, y2], ...]}'
    try:
        table = orjson.loads(path.read_bytes().removeprefix(BOM_UTF8))
    except orjson.JSONDecodeError as error:
        raise DetectorError(f"{printable(path)}: invalid JSON ({error}); {expected}") from None
    if not isinstance(table, dict):
        raise DetectorError(f"{printable(path)}: does not list boxes by picture; {expected}")
    for name, boxes in table.items():
        yield _record(f"{printable(path)}: {printable(name)}", name, boxes)


def _from_lines(path: Path) -> Iterator[PictureRecord]:
    import orjson

    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            line = line.removeprefix(BOM_UTF8).strip()
            if not line:
                continue
            place = f"{printable(path)}: line {number}"
            try:
                row = orjson.loads(line)
                name, boxes = row["file_name"], row["boxes_xyxy"]
            except (ValueError, KeyError, TypeError):
                name = boxes = None
            if not isinstance(name, str):
                raise DetectorError(
                    f"{place} lacks file_name or boxes_xyxy, [[x1, y1, x2, y2], ...]; write it as "
                    "`detect propose` does"
                )
            yield _record(f"{place} ({printable(name)})", name, boxes, row.get("sha256"))


def _from_folder(folder: Path) -> list[PictureRecord]:
    if (folder / LINES).is_file():
        return list(_from_lines(folder / LINES))
    files = sorted(folder.glob(f"{OF_PICTURES}/*.npz")) or sorted(folder.glob("*.npz"))
    if not files:
        raise DetectorError(
            f"{printable(folder)}: holds no {LINES} and no .npz files; name a folder that "
            "`detect propose` wrote"
        )
    return [record for file in files for record in _from_npz(file)]


def _from_npz(path: Path) -> Iterator[PictureRecord]:
    expected = (
        'expected arrays (N, 4) named like pictures, as numpy.savez(file, **{"street.jpg": boxes}) '
        "writes them, or a file of `detect propose`"
    )
    try:
        content = np.load(path, allow_pickle=False)
        arrays = {name: np.asarray(content[name]) for name in content.files}
    except FileNotFoundError:
        raise
    except Exception as error:  # zipfile, zlib and numpy raise many kinds for damaged files
        reason = "it holds pickled objects" if "allow_pickle" in str(error) else f"{error!r:.80}"
        raise DetectorError(f"{printable(path)}: cannot be read ({reason}); {expected}") from None
    digest = ""
    if {"file_name", "boxes_xyxy", "sha256"} <= arrays.keys():  # a file of `detect propose`
        digest = str(arrays["sha256"])
        arrays = {str(arrays["file_name"]): arrays["boxes_xyxy"]}
    for name, boxes in arrays.items():
        place = f"{printable(path)}: {printable(name)}"
        if boxes.dtype.kind not in "iuf":
            raise DetectorError(f"{place} is an array of {boxes.dtype}; {expected}")
        yield _record(place, name, boxes, digest)


def _from_mat(path: Path) -> Iterator[PictureRecord]:
    expected = (
        "expected R-CNN's cells `images`, names without suffix, and `boxes`, arrays (N, 4) of "
        "[y1 x1 y2 x2] counted from 1"
    )
    images, boxes = _cells(path, expected)
    if len(images) != len(boxes):
        raise DetectorError(
            f"{printable(path)}: {len(images)} images and {len(boxes)} arrays of boxes; {expected}"
        )
    for name, array in zip(images, boxes, strict=True):
        place = f"{printable(path)}: {printable(name)}"
        if array.dtype.kind not in "iuf" or (array.size and array.shape[1:] != (4,)):
            raise DetectorError(f"{place}: boxes are {array.dtype} {array.shape}; {expected}")
        y1, x1, y2, x2 = array.astype(np.float64).reshape(-1, 4).T
        if array.size and min(y1.min(), x1.min()) < 1:
            raise DetectorError(f"{place}: a box begins at {min(y1.min(), x1.min()):g}; {expected}")
        # Pixel 1 covers 0 to 1, and the last pixel of a box belongs to it.
        yield _record(place, name, np.stack([x1 - 1, y1 - 1, x2, y2], axis=1))


def _cells(path: Path, expected: str) -> tuple[list[str], list[np.ndarray]]:
    """The names and arrays in the cells `images` and `boxes` of a MATLAB file."""
    try:
        from scipy.io import loadmat
    except ImportError:
        raise DetectorError(
            f"{printable(path)}: reading it needs SciPy; pip install scipy"
        ) from None
    try:
        with path.open("rb") as file:  # given a name, loadmat would try others too
            content = loadmat(file, variable_names=("images", "boxes"))
        images = [str(np.asarray(cell).item()) for cell in content["images"].ravel()]
        return images, [np.asarray(cell) for cell in content["boxes"].ravel()]
    except FileNotFoundError:
        raise
    except NotImplementedError:  # HDF5
        raise DetectorError(
            f"{printable(path)}: is in MATLAB's format 7.3; save it again with "
            "save('boxes.mat', 'images', 'boxes', '-v7')"
        ) from None
    except KeyError as error:
        raise DetectorError(f"{printable(path)}: has no variable {error}; {expected}") from None
    except Exception as error:  # SciPy raises many kinds of exceptions for damaged files
        raise DetectorError(
            f"{printable(path)}: cannot be read ({error!r:.80}); {expected}"
        ) from None
