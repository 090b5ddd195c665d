"""Picture files: found from the words of a command line, named in errors, written whole."""

from __future__ import annotations

import difflib
import errno
import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from detector.errors import DetectorError

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".webp", ".avif", ".jp2"),
    *(".tif", ".tiff", ".bmp", ".dib", ".ppm", ".pgm", ".pbm", ".pnm", ".tga", ".ico"),
)

DRAWN = b"drawn by detect"  # a comment in the file, which tells a drawing from a photograph
PICTURE_FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    **dict.fromkeys((".jpg", ".jpeg"), ("JPEG", {"quality": 92, "comment": DRAWN})),
    ".png": ("PNG", {}),
    ".webp": ("WEBP", {"quality": 90}),
    ".bmp": ("BMP", {}),
    **dict.fromkeys((".tif", ".tiff"), ("TIFF", {"compression": "tiff_lzw"})),
}


def find_images(patterns: Sequence[str | os.PathLike[str]]) -> list[Path]:
    """List the picture files that the words of a command line mean.

    A folder stands for the pictures in it and below it (by suffix, hidden ones left out). A glob
    pattern that the shell left alone is expanded here. Any other word is kept as it is, even
    without such a file, so that it fails by name and alone when read. Words keep their order;
    inside each the order is natural (`a2` before `a10`); a file named twice comes once, but under
    each of its names where these are links. `**` enters a folder once, whatever links lead there.

    Raises
    ------
    DetectorError
        None of the patterns names a file.
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
            f"no pictures in {named}; name image files, a folder that holds some "
            "(.jpg, .png, ...) or a pattern such as 'photos/*.jpg'"
        )
    return list(found.values())


def leave_out_drawn(
    paths: Sequence[Path], patterns: Sequence[str | os.PathLike[str]], output: Path
) -> list[Path]:
    """Drop the pictures that an earlier run drew into the output folder, found there again.

    Pictures that the user named, alone or by naming the output folder itself, stay.

    Raises
    ------
    DetectorError
        A photograph would be drawn over, or nothing is left.
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
            f"no pictures but those in the output folder {printable(output)}; name others, or "
            "give another --output"
        )
    files = {os.path.realpath(path) for path in kept}
    for path in kept:
        drawn = output / f"{path.stem}.jpg"
        if os.path.realpath(drawn) in files:
            raise DetectorError(
                f"{printable(drawn)}: lies in the output folder and would be drawn over; "
                "give another --output"
            )
        refuse_to_draw_over(drawn)
    return kept


def refuse_to_draw_over(target: Path) -> None:
    """Raise a DetectorError where a file is that no run has drawn: somebody's photograph."""
    if not os.path.exists(target):  # unlike Path's, no error for a name too long
        return
    if target.is_file():
        with target.open("rb") as file:
            if DRAWN in file.read(256):  # it stands before all pixels
                return
    raise DetectorError(
        f"{printable(target)}: does not say that `detect` drew it and would be drawn over; move it "
        "away (drawings of older versions do not say it either) or give another --output"
    )


def _expand(pattern: Path) -> list[Path] | None:
    """The files one word means; None where it is a folder or glob without pictures."""
    if pattern.is_dir():
        return sorted(_pictures_below(pattern), key=_natural) or None
    if pattern.exists() or not glob.has_magic(str(pattern)):
        return [pattern]
    files = [file for file in _matches(pattern) if file.is_file()]
    pictures = [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES]
    return sorted(pictures or files, key=_natural) or None


def _matches(pattern: Path) -> Iterator[Path]:
    """What a glob pattern matches; `glob` itself would follow links round in circles in `**`."""
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
    """A folder and all below it, each once; by a link's name where there is no other."""
    seen, waiting = set(), [start]
    for top in waiting:  # links join the list as they are met: they come last
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
    parts = re.findall(r"[0-9]+|[^0-9]+", str(path))
    return [(0, int(part), part) if part[0].isdecimal() else (1, 0, part) for part in parts]


def nearest_name(path: Path) -> str:
    """What to say after "no such file": the names in its folder that are most like it."""
    if "://" in str(path) or re.match(r"https?:/", str(path)):
        return "an address is not fetched: download the picture and name the file"
    if path.is_symlink():
        target = printable(os.readlink(path))
        return f"it is a link to {target}, which is not there; mend the link or name the picture"
    if not path.parent.is_dir():
        return f"the folder {printable(path.parent)} does not exist either; check the path"
    names = {name.lower(): name for name in os.listdir(path.parent)}
    close = difflib.get_close_matches(path.name.lower(), names, n=3)
    if not close:
        return f"nothing in {printable(path.parent.absolute())} has a name like it"
    return "did you mean " + " or ".join(printable(path.parent / names[c]) for c in close) + "?"


def printable(path: str | os.PathLike[str]) -> str:
    """A path on one line, as any terminal can print it (file names may hold stray bytes)."""
    text = unicode_name(path)
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def unicode_name(path: str | os.PathLike[str]) -> str:
    """A path as JSON can hold it: the stray bytes of a name that is not Unicode are escaped."""
    return os.fspath(path).encode("utf-8", "backslashreplace").decode("utf-8")


def save_picture(image: np.ndarray, path: str | os.PathLike[str]) -> None:
    """Write (H, W, 3) uint8 RGB; the file appears whole or not at all.

    Raises
    ------
    DetectorError
        The suffix names no format, or the file cannot be written.
    """
    from PIL import Image

    from proposals.whole_files import replacing

    target = Path(path)
    if target.suffix.lower() not in PICTURE_FORMATS:
        raise DetectorError(
            f"{printable(target)}: suffix {target.suffix!r} names no picture format; "
            f"end the name in {', '.join(PICTURE_FORMATS)}"
        )
    format_name, options = PICTURE_FORMATS[target.suffix.lower()]
    try:
        with replacing(target) as temporary:
            Image.fromarray(image).save(temporary, format=format_name, **options)
    except OSError as error:
        reason = error.strerror or error
        remedy = "name an existing folder that you may write to"
        if error.errno == errno.ENAMETOOLONG:
            remedy = "give the photograph a shorter name"
        raise DetectorError(
            f"{printable(target)}: cannot be written ({reason}); {remedy}"
        ) from error
