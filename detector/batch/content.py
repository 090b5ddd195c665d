"""Pictures wherever they are -> what a detector reads: a path, bytes or an array."""

from __future__ import annotations

import os
import re
from functools import lru_cache
from typing import Any, NamedTuple

from detector.errors import DetectorError
from detector.files.names import printable
from detector.prediction.web import download, is_web_address

URL = re.compile(r"[a-z][a-z0-9+.-]*(::[a-z][a-z0-9+.-]*)*://", re.IGNORECASE)


class Place(NamedTuple):
    """One row of a Parquet file that holds pictures."""

    file: str
    row: int
    column: str


def content_of(picture: Any) -> Any:
    """A path or an array itself, the bytes of a URL or of a Place.

    Raises
    ------
    DetectorError
        The content cannot be read.
    """
    if isinstance(picture, Place):
        return _bytes_in(picture)
    if isinstance(picture, dict):  # {"bytes": ..., "path": ...}, the images of Hugging Face
        return picture["bytes"] if picture.get("bytes") is not None else picture.get("path")
    if not isinstance(picture, str) or not URL.match(picture):
        return picture
    if is_web_address(picture):
        return download(picture)
    with opened_url(picture) as file:
        try:
            return file.read()
        except OSError as error:
            raise DetectorError(
                f"{printable(picture)}: cannot be read ({error}); try again"
            ) from None


def opened_url(url: str) -> Any:
    """The open file at a path or fsspec URL, for reading bytes.

    Raises
    ------
    DetectorError
        There is no such file, or a library for the protocol is missing.
    """
    import fsspec

    try:
        return fsspec.open(url, "rb").open()
    except FileNotFoundError:
        raise DetectorError(f"{printable(url)}: no such file; check the address") from None
    except (ImportError, ValueError) as error:  # ValueError: a protocol that fsspec does not know
        raise DetectorError(f"{printable(url)}: cannot be opened ({error})") from None
    except OSError as error:
        reason = error.strerror or error
        raise DetectorError(
            f"{printable(url)}: cannot be opened ({reason}); check the address"
        ) from None


def _bytes_in(place: Place) -> Any:
    import pyarrow as pa

    try:
        first, pictures = _row_group(place.file, _group_of(place.file, place.row), place.column)
        picture = pictures[place.row - first].as_py()
    except (pa.ArrowException, OSError) as error:
        raise DetectorError(f"{place.file}: cannot be read ({error}); copy it again") from None
    if isinstance(picture, dict):
        picture = picture.get("bytes")
    if not picture:
        raise DetectorError(f"{place.file}: row {place.row} holds no picture in {place.column}")
    return picture


@lru_cache(maxsize=8)
def _starts(file: str) -> tuple[int, ...]:
    """The first row of each row group, and the number of all rows."""
    import pyarrow.parquet as pq

    with opened_url(file) as content:
        metadata = pq.ParquetFile(content).metadata
        starts = [0]
        for group in range(metadata.num_row_groups):
            starts.append(starts[-1] + metadata.row_group(group).num_rows)
    return tuple(starts)


def _group_of(file: str, row: int) -> int:
    return next(group for group, end in enumerate(_starts(file)[1:]) if row < end)


@lru_cache(maxsize=2)  # pictures come in order, so that a row group is read once
def _row_group(file: str, group: int, column: str) -> tuple[int, Any]:
    """The first row of a row group, and its pictures."""
    import pyarrow.parquet as pq

    with opened_url(os.fspath(file)) as content:
        table = pq.ParquetFile(content).read_row_group(group, columns=[column])
    return _starts(file)[group], table[column]
