"""Zip archives: results in them are unpacked for reading, and other files that are zips named."""

from __future__ import annotations

import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from eval.errors import EvaluationError
from eval.formats.text_files import MOST_BYTES, MOST_TIMES
from eval.wording import amount

SIGN = b"PK\x03\x04"
EMPTY = b"PK\x05\x06"
UNPACK = "unpack it and name the file or folder in it"
CHECKPOINT = (
    "a checkpoint of PyTorch, which holds weights or pickled objects; write the results as COCO "
    "JSON and name that file"
)
ARRAYS = "an archive of NumPy; in Python, pass an array with 7 columns"
WORKBOOK = "a workbook of Excel; save the sheet as CSV"
LONE = (".json", ".csv", ".tsv")  # results of all images in one file


def kind_of_zip(path: Path) -> str:
    """What a zip archive is, and the remedy.

    Raises
    ------
    EvaluationError
        The archive is damaged.
    """
    names = [PurePosixPath(member.filename) for member in _members(path)]
    return _other_kind(names) or f"a zip archive; {UNPACK}"


@contextmanager
def unpacked_results(path: Path, images: Iterable[str] = ()) -> Iterator[Path]:
    """The path of results; of a zip, that of the one file or of the folder of text files in it.

    What is unpacked is removed at the end. A lone text file stands for its folder if its name
    without suffix is that of one of the images, of which `images` are the file names.

    Raises
    ------
    EvaluationError
        The archive is damaged, encrypted, expands too much, or holds no or several results.
    """
    if not _is_zip(path):
        yield path
        return
    members = _chosen(path, _members(path))
    most = max(MOST_TIMES * path.stat().st_size, MOST_BYTES)
    if sum(member.file_size for member in members) > most:
        raise EvaluationError(
            f"{path}: expands to more than {MOST_TIMES} times its size; {UNPACK} if it is right"
        )
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / path.stem
        root.mkdir()
        files = _extracted(path, members, root)
        whole = len(files) == 1 and files[0].stem not in {Path(name).stem for name in images}
        try:
            yield files[0] if whole else _common_folder(files)
        except EvaluationError as error:
            raise EvaluationError(str(error).replace(str(root), str(path))) from None


def _is_zip(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        with open(path, "rb") as file:
            return file.read(4) in (SIGN, EMPTY)
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be read ({error.strerror})") from None


def _members(path: Path) -> list[zipfile.ZipInfo]:
    """The files in an archive, without those that systems add."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise EvaluationError(f"{path}: damaged or cut short ({error}); write it again") from None
    return [
        member
        for member in members
        if not member.is_dir()
        and not any(part.startswith((".", "__MACOSX")) for part in member.filename.split("/"))
    ]


def _other_kind(names: Sequence[PurePosixPath]) -> str:
    """What an archive with these files is if it belongs to a program; "" if not."""
    if any(name.name == "data.pkl" for name in names):
        return CHECKPOINT
    if names and all(name.suffix == ".npy" for name in names):
        return ARRAYS
    return WORKBOOK if PurePosixPath("xl/workbook.xml") in names else ""


def _chosen(path: Path, members: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """The members that are the results: one JSON file or table, or all text files."""
    names = [PurePosixPath(member.filename) for member in members]
    kind = _other_kind(names)
    if kind:
        raise EvaluationError(f"{path}: this is {kind}")
    pairs = [(member, name.suffix.lower()) for member, name in zip(members, names, strict=True)]
    lone = [member for member, suffix in pairs if suffix in LONE]
    texts = [member for member, suffix in pairs if suffix == ".txt"]
    if (len(lone) == 1 and not texts) or (texts and not lone):
        return lone or texts
    shown = ", ".join(f"{name}" for name in names[:4]) + (", ..." if len(names) > 4 else "")
    if lone:
        raise EvaluationError(
            f"{path}: the zip holds several files that may be the results: {shown:.200}; unpack it "
            "and name one"
        )
    raise EvaluationError(
        f"{path}: the zip holds no results (JSON, CSV or text) but "
        f"{amount(len(names), 'other file')}{': ' * bool(names)}{shown:.200}; check the path"
    )


def _extracted(path: Path, members: list[zipfile.ZipInfo], root: Path) -> list[Path]:
    try:
        with zipfile.ZipFile(path) as archive:
            return [Path(archive.extract(member, root)) for member in members]
    except RuntimeError as error:  # which zipfile raises for passwords
        why = "encrypted" if "encrypted" in str(error) else f"not readable ({error})"
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, zlib.error) as error:
        why = f"damaged or of a kind that is not read ({error})"
    raise EvaluationError(f"{path}: the zip is {why}; {UNPACK}")


def _common_folder(files: Sequence[Path]) -> Path:
    """The deepest folder that contains all files."""
    folder = files[0].parent
    while not all(file.is_relative_to(folder) for file in files):
        folder = folder.parent
    return folder
