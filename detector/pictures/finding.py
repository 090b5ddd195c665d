"""The picture files that the arguments of a command line name."""

from __future__ import annotations

import glob
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from detector.errors import DetectorError
from detector.files.names import expand_home, fault_of, printable
from detector.pictures.opening import FOREIGN_SUFFIXES
from detector.pictures.writing import was_drawn

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".gif", ".webp", ".avif", ".jp2"),
    *(".tif", ".tiff", ".bmp", ".dib", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".ico"),
)
HEIC_SUFFIXES = (".heic", ".heif", ".hif")


class Photographs(NamedTuple):
    """The pictures that a command works on.

    Attributes
    ----------
    paths
        Picture files; those in folders and patterns are readable and no drawings of this program.
    skipped
        Number of pictures in folders and patterns that cannot be read, by suffix.
    """

    paths: list[Path]
    skipped: Counter[str]


def find_images(patterns: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """List the picture files that the arguments of a command line name.

    A folder means the pictures in it and below it, recognised by suffix; hidden files and folders
    are skipped. A glob pattern that the shell did not expand is expanded here. Any other argument
    is kept even if there is no such file, so that reading it fails under its name while the others
    go on. Arguments keep their order; within each the order is natural (`a2` before `a10`). A file
    named twice is listed once, but links to it are listed too. `**` enters a folder once, however
    many links lead there.

    Raises
    ------
    DetectorError
        No argument matches a file that can be read.
    """
    readable = readable_suffixes()
    files = [file for file, named in _search(patterns) if named or _suffix(file) in readable]
    if not files:
        raise _no_pictures(patterns)
    return files


def refuse_missing(paths: Sequence[Path]) -> None:
    """Raise DetectorError if none of the pictures is there, before anything heavy is imported."""
    faults = [fault_of(path) for path in paths]
    if all(faults):
        begin = f"none of {len(paths)} pictures can be opened: " if len(paths) > 1 else ""
        raise DetectorError(f"{begin}{printable(paths[0])}: {faults[0]}")


def find_photographs(patterns: Sequence[str | os.PathLike[str]]) -> Photographs:
    """List the files of `find_images` without the drawings of earlier runs.

    A drawing that an argument names itself stays.

    Raises
    ------
    DetectorError
        No argument matches a file that can be read, or all of those are drawings.
    """
    readable, paths, drawn = readable_suffixes(), [], 0
    skipped: Counter[str] = Counter()
    for file, named in _search(patterns):
        if named:
            paths.append(file)
        elif _suffix(file) not in readable:
            skipped[_suffix(file)] += 1
        elif was_drawn(file):
            drawn += 1
        else:
            paths.append(file)
    if not paths and drawn:
        raise DetectorError(
            f"the only pictures in {_listed(patterns)} were written by `detect`; name others, or "
            "name the files themselves"
        )
    if not paths and skipped:
        raise DetectorError(f"no pictures in {_listed(patterns)}: {skipped_note(skipped)}")
    if not paths:
        raise _no_pictures(patterns)
    return Photographs(paths, skipped)


def skipped_note(skipped: Counter[str]) -> str:
    """One line about the pictures that cannot be read; "" if there are none."""
    counts = [f"{count} {suffix}" for suffix, count in sorted(skipped.items())]
    remedies = []
    if skipped.keys() & {*HEIC_SUFFIXES}:
        remedies.append('pip install ".[heic]" in the clone of this program reads .heic')
    if skipped.keys() & {*FOREIGN_SUFFIXES}:
        remedies.append("export the others as JPEG" if remedies else "export them as JPEG")
    return f"skipped {', '.join(counts)}; {', '.join(remedies)}" if counts else ""


def readable_suffixes() -> frozenset[str]:
    """The suffixes of pictures that can be read, which depend on the installed libraries."""
    return frozenset((*IMAGE_SUFFIXES, *(HEIC_SUFFIXES if find_spec("pillow_heif") else ())))


def _search(patterns: Sequence[str | os.PathLike[str]]) -> Iterable[tuple[Path, bool]]:
    """Every file that the arguments mean, once, and whether an argument is the file itself.

    Files that cannot be read are included. If no folder or pattern holds a picture and no file is
    named, there are none; otherwise, a folder without pictures counts as a named file.
    """
    found: dict[str, tuple[Path, bool]] = {}
    matched = False
    for pattern in patterns:
        files, named = _expand(Path(expand_home(os.fspath(pattern))))
        matched = matched or bool(files)
        for file in files or [Path(pattern)]:
            where = os.path.abspath(file)
            before = found.get(where, (file, False))
            found[where] = (before[0], before[1] or named or not files)
    return found.values() if matched else []


def _expand(pattern: Path) -> tuple[list[Path], bool]:
    """The files that one argument means, and whether it is a file itself and no folder."""
    # os.path, because methods of Path raise for a name that is too long
    if os.path.isdir(pattern):
        return sorted(_pictures_below(pattern), key=_natural), False
    if os.path.lexists(pattern) or not glob.has_magic(str(pattern)):
        return [pattern], True
    files = [file for file in _matches(pattern) if os.path.isfile(file)]
    pictures = [file for file in files if _looks_like_picture(file)]
    return sorted(pictures or files, key=_natural), not pictures


def _suffix(file: Path) -> str:
    return file.suffix.lower()


def _looks_like_picture(file: Path) -> bool:
    return _suffix(file) in {*IMAGE_SUFFIXES, *HEIC_SUFFIXES, *FOREIGN_SUFFIXES}


def _listed(patterns: Sequence[str | os.PathLike[str]]) -> str:
    return ", ".join(printable(pattern) for pattern in patterns) or "nothing"


def _no_pictures(patterns: Sequence[str | os.PathLike[str]]) -> DetectorError:
    return DetectorError(
        f"no pictures in {_listed(patterns)}; name image files, a folder of pictures (.jpg, .png, "
        "...) or a pattern such as 'photos/*.jpg'"
    )


def _matches(pattern: Path) -> Iterator[Path]:
    """The paths that match a glob pattern; in `**`, `glob` itself follows links in circles."""
    parts = pattern.parts
    if "**" not in parts:
        yield from map(Path, glob.glob(str(pattern)))
        return
    place = parts.index("**")
    below = parts[place + 1 :] or ("*",)
    for start in glob.glob(str(Path(*parts[:place]))):
        for folder in _folders_below(start):
            yield from _matches(Path(glob.escape(folder), *below))


def _folders_below(start: str) -> Iterator[str]:
    """A folder and all folders below it, each once; a link's name is used only if it must be."""
    seen, waiting = set(), [start]
    for top in waiting:  # links are appended while iterating, and so come last
        for parent, folders, _ in os.walk(top):
            if os.path.realpath(parent) in seen:
                folders.clear()
                continue
            seen.add(os.path.realpath(parent))
            folders[:] = [name for name in folders if not name.startswith(".")]
            paths = [os.path.join(parent, name) for name in folders]
            waiting += [path for path in paths if os.path.islink(path)]
            yield parent


def _pictures_below(folder: Path) -> Iterable[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(parent, name)
            if name.startswith(".") or not _looks_like_picture(path):
                continue
            if os.path.isfile(path) or not os.path.exists(path):  # a pipe would be waited for
                yield path


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Sorting key in which numbers compare by value."""
    parts = re.findall(r"[0-9]+|[^0-9]+", str(path))
    return [(0, int(part), part) if part[0] in "0123456789" else (1, 0, part) for part in parts]
