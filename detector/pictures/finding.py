"""The picture files that the arguments of a command line name."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from detector.errors import DetectorError
from detector.files.names import printable
from detector.pictures.writing import refuse_to_draw_over

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".avif", ".jp2"),
    *(".tif", ".tiff", ".bmp", ".dib", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".ico"),
)


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
        No argument matches a file.
    """
    found: dict[str, Path] = {}
    matched = False
    for pattern in patterns:
        files = _expand(Path(pattern).expanduser())
        matched = matched or files is not None
        for file in [Path(pattern)] if files is None else files:
            found.setdefault(os.path.abspath(file), file)
    if not matched:
        named = ", ".join(printable(pattern) for pattern in patterns) or "nothing"
        raise DetectorError(
            f"no pictures in {named}; name image files, a folder of pictures (.jpg, .png, ...) or "
            "a pattern such as 'photos/*.jpg'"
        )
    return list(found.values())


def leave_out_drawn(
    paths: Sequence[Path], patterns: Sequence[str | os.PathLike[str]], output: Path
) -> list[Path]:
    """Drop pictures found in the output folder, since an earlier run drew them there.

    Pictures that the user named stay, as do all if the output folder itself was named.

    Raises
    ------
    DetectorError
        A photograph would be overwritten, or no picture is left.
    """
    here = output.resolve()
    named = {os.path.abspath(pattern) for pattern in patterns}
    chosen = here in {Path(name).resolve() for name in named}
    kept = [
        path
        for path in paths
        if chosen or path.parent.resolve() != here or os.path.abspath(path) in named
    ]
    if not kept:
        raise DetectorError(
            f"the only pictures are in the output folder {printable(output)}; name others, or "
            "give another --output"
        )
    files = {os.path.realpath(path) for path in kept}
    for path in kept:
        drawn = output / f"{path.stem}.jpg"
        if os.path.realpath(drawn) in files:
            raise DetectorError(
                f"{printable(drawn)}: lies in the output folder and would be overwritten; "
                "give another --output"
            )
        refuse_to_draw_over(drawn)
    return kept


def _expand(pattern: Path) -> list[Path] | None:
    """The files that one argument means; None for a folder or pattern without pictures."""
    if pattern.is_dir():
        return sorted(_pictures_below(pattern), key=_natural) or None
    if pattern.exists() or not glob.has_magic(str(pattern)):
        return [pattern]
    files = [file for file in _matches(pattern) if file.is_file()]
    pictures = [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES]
    return sorted(pictures or files, key=_natural) or None


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
            if not name.startswith(".") and Path(name).suffix.lower() in IMAGE_SUFFIXES:
                yield Path(parent, name)


def _natural(path: Path) -> list[tuple[int, int, str]]:
    """Sorting key in which numbers compare by value."""
    parts = re.findall(r"[0-9]+|[^0-9]+", str(path))
    return [(0, int(part), part) if part[0].isdecimal() else (1, 0, part) for part in parts]
