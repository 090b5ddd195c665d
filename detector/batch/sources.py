"""The pictures of a source in a fixed order: files, lists, data sets, Parquet, fsspec URLs."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from detector.batch.content import URL, Place, opened_url
from detector.errors import DetectorError
from detector.files.names import expand_home, fault_of, printable, unicode_name
from detector.pictures.finding import find_images, readable_suffixes, refuse_missing
from detector.prediction.sources import lines_of_list
from detector.prediction.web import is_web_address

# Columns of Parquet files, the first that is there: pictures, and their names
PICTURE_COLUMNS = ("image", "image_bytes", "bytes", "picture", "jpg", "png", "content")
NAME_COLUMNS = ("file_name", "filename", "image_path", "path", "name", "url", "image_id", "id")


class Picture(NamedTuple):
    """A picture to detect in."""

    name: str  # in the results, where no other picture has it
    content: str | Place  # a path, a URL or a row of a Parquet file


class Source(NamedTuple):
    """All pictures of a run."""

    pictures: Sequence[Picture]
    fingerprint: str  # SHA-256 of the names; of Parquet also of the files' sizes


def find_pictures(word: str, *, images: Path | None = None, column: str | None = None) -> Source:
    """The pictures that a word names.

    Parameters
    ----------
    word
        A folder, a glob pattern, a text file (.txt) with a path or URL per line, COCO JSON, a
        Parquet file or a folder of them, one picture; or an fsspec URL of any of these but JSON.
    images
        The folder of the pictures of COCO JSON; None looks beside it.
    column
        The column of the pictures in Parquet; None takes the first of PICTURE_COLUMNS.

    Raises
    ------
    DetectorError
        There are no pictures, or the source cannot be read.
    """
    is_url = bool(URL.match(word))
    path = word if is_url else expand_home(word)
    suffix = PurePosixPath(path.lower().removesuffix(".gz")).suffix
    if images is not None and suffix != ".json":
        raise DetectorError("--images: applies to COCO JSON; leave it out")
    if not is_url and not glob.has_magic(path) and (fault := fault_of(Path(path))):
        raise DetectorError(f"{printable(word)}: {fault}")
    marks: list[Any] = []
    if suffix == ".json":
        pictures = _of_coco(path, images, is_url=is_url)
    elif suffix == ".txt":
        pictures = _of_list(path, is_url=is_url)
    elif files := _parquet_files(path, is_url=is_url):
        pictures, marks = _of_parquet(files, column)
    elif is_url:
        pictures = _of_url(path)
    else:
        pictures = _of_files(path)
    if column and not marks:
        raise DetectorError("--image-column: applies to Parquet; leave it out")
    if not pictures:
        raise DetectorError(f"{printable(word)}: names no pictures; check it")
    names = [picture.name for picture in pictures]
    digest = hashlib.sha256(repr((names, marks)).encode("utf-8", "backslashreplace"))
    return Source(pictures, digest.hexdigest())


def _of_files(word: str) -> list[Picture]:
    """Pictures of a folder, named relative to it, or those that a pattern matches."""
    paths = find_images([word])
    refuse_missing(paths)
    root = Path(word) if os.path.isdir(word) else None
    return [
        Picture(unicode_name(path.relative_to(root) if root else path), os.path.abspath(path))
        for path in paths
    ]


def _of_list(path: str, *, is_url: bool) -> list[Picture]:
    """The lines of a list, each once; paths start at the current folder."""
    if is_url:
        with opened_url(path) as file:
            content = file.read()
    else:
        content = Path(path).read_bytes()
    lines = dict.fromkeys(lines_of_list(content, printable(path)))
    return [
        Picture(unicode_name(line), line if URL.match(line) else os.path.abspath(expand_home(line)))
        for line in lines
    ]


def _of_coco(path: str, images: Path | None, *, is_url: bool) -> list[Picture]:
    """The pictures of a data set in COCO JSON, in its order."""
    from detector.pictures.dataset_folder import check_image_folder, find_image_folder
    from eval import read_dataset

    if is_url:
        raise DetectorError(f"{printable(path)}: COCO JSON is read from a disk; download it")
    dataset = read_dataset(path, skip_unlisted=True)
    folder = (
        check_image_folder(images, dataset) if images else find_image_folder(Path(path), dataset)
    )
    names = dict.fromkeys(image.file_name for image in dataset.images)
    return [Picture(name, os.path.abspath(folder / name)) for name in names]


def _of_url(url: str) -> list[Picture]:
    """The pictures below a URL, those of a pattern, or the one picture that it is."""
    if is_web_address(url):
        return [Picture(url, url)]
    system, path = _file_system(url)
    if glob.has_magic(path):
        found, root = system.glob(path), ""
    elif system.isdir(path):
        found, root = system.find(path), path.rstrip("/") + "/"
    else:
        return [Picture(url, url)]
    readable = readable_suffixes()
    found = sorted(one for one in found if PurePosixPath(one.lower()).suffix in readable)
    return [
        Picture(one.removeprefix(root) if root else system.unstrip_protocol(one),
                system.unstrip_protocol(one))
        for one in found
    ]  # fmt: skip


def _parquet_files(word: str, *, is_url: bool) -> list[str]:
    """The Parquet files that a word names; none if it names something else."""
    if word.endswith(".parquet") and not glob.has_magic(word):
        return [word if is_url else os.path.abspath(word)]
    if is_web_address(word):
        return []
    if not is_url:
        found = sorted(glob.glob(f"{glob.escape(word)}/*.parquet" if os.path.isdir(word) else word))
        return [os.path.abspath(one) for one in found if one.endswith(".parquet")]
    system, path = _file_system(word)
    found = system.glob(path if glob.has_magic(path) else f"{path.rstrip('/')}/*.parquet")
    return [system.unstrip_protocol(one) for one in sorted(found) if one.endswith(".parquet")]


def _of_parquet(files: Sequence[str], column: str | None) -> tuple[list[Picture], list[Any]]:
    """The rows of Parquet files; and of each file its name and its numbers of bytes and rows.

    A picture has the name that its row states, if all names differ, or else FILE:ROW.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    stated: list[str] = []
    places: list[Place] = []
    marks = []
    for file in files:
        with opened_url(file) as content:
            try:
                parquet = pq.ParquetFile(content)
                pictures = _picture_column(file, parquet.schema_arrow, column)
                names = _stated_names(parquet, pictures)
            except pa.ArrowException as error:
                raise DetectorError(f"{printable(file)}: cannot be read ({error})") from None
            rows, size = parquet.metadata.num_rows, content.seek(0, os.SEEK_END)
        marks.append((PurePosixPath(file).name, size, rows))
        places += [Place(file, row, pictures) for row in range(rows)]
        stated += names
    if len(set(stated)) < len(places):
        stated = [f"{PurePosixPath(place.file).name}:{place.row}" for place in places]
    return [*map(Picture, stated, places)], marks


def _picture_column(file: str, schema: Any, column: str | None) -> str:
    """The column of a Parquet file that holds pictures."""
    import pyarrow.types as types

    def holds_bytes(name: str) -> bool:
        kind = schema.field(name).type
        if types.is_struct(kind):
            return kind.get_field_index("bytes") >= 0
        return types.is_binary(kind) or types.is_large_binary(kind)

    wanted = (column,) if column else PICTURE_COLUMNS
    found = [name for name in wanted if name in schema.names and holds_bytes(name)]
    if not found:
        raise DetectorError(
            f"{printable(file)}: no column {' or '.join(wanted)} with the bytes of pictures, but "
            f"{', '.join(schema.names)}; name it with --image-column"
        )
    return found[0]


def _stated_names(parquet: Any, pictures: str) -> list[str]:
    """The names in a column of NAME_COLUMNS, or the paths beside the bytes; none if some lack."""
    schema = parquet.schema_arrow
    kind = schema.field(pictures).type
    nested = (
        [f"{pictures}.path"] if getattr(kind, "get_field_index", lambda _: -1)("path") >= 0 else []
    )
    for name in (*(name for name in NAME_COLUMNS if name in schema.names), *nested):
        values = parquet.read(columns=[name]).column(0).to_pylist()
        if nested and name == nested[0]:
            values = [value["path"] for value in values]
        if all(isinstance(value, (str, int)) for value in values):
            return [unicode_name(str(value)) for value in values]
    return []


def _file_system(url: str) -> tuple[Any, str]:
    import fsspec

    try:
        return fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise DetectorError(f"{printable(url)}: cannot be opened ({error})") from None
