"""File names in messages and in JSON."""

from __future__ import annotations

import difflib
import errno
import os
import re
from collections.abc import Container
from pathlib import Path

LONGEST_STEM = 220  # bytes; a file name has at most 255


def printable(path: str | os.PathLike[str]) -> str:
    """A path or other text on one line that any terminal can print.

    Control characters and bytes that are not Unicode are escaped.
    """
    text = unicode_name(path)
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def unicode_name(path: str | os.PathLike[str]) -> str:
    """A path as JSON can hold it: bytes that are not Unicode are escaped."""
    return os.fspath(path).encode("utf-8", "backslashreplace").decode("utf-8")


def unique_stem(path: str | os.PathLike[str], taken: Container[str]) -> str:
    """A file's name without suffix, numbered if it is taken: street, street-2, ...

    A long one is cut, so that the files that are named after it may add numbers and a suffix.
    """
    whole, copy = Path(path).stem, 1
    if len(os.fsencode(whole)) > LONGEST_STEM:
        whole = os.fsencode(whole)[:LONGEST_STEM].decode("utf-8", "ignore")
    stem = whole
    while stem in taken:
        copy += 1
        stem = f"{whole}-{copy}"
    return stem


def expand_home(text: str) -> str:
    """A path whose leading `~` is the home folder, unless a file really has that name.

    A shell leaves `~` as it is within quotes and in `--data=~/x`.
    """
    return text if os.path.lexists(text) else os.path.expanduser(text)


def fault_of(path: Path) -> str:
    """Why a path leads to no file or folder, and the remedy; "" if it leads to one."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: it contains a NUL
        return f"no such file; {nearest_name(path)}"
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "a link that leads to itself; name the file"
        return f"cannot be opened ({error.strerror}); check the path"
    return ""


def nearest_name(path: Path) -> str:
    """Remedy for a missing file, which follows "no such file"; it suggests similar names."""
    if re.match(r"[a-z][a-z0-9+.-]+:/", str(path), re.IGNORECASE):  # a path has no double slash
        return "it looks like an address: download the file and name it here"
    if path.is_symlink():
        target = printable(os.readlink(path))
        return f"it links to {target}, which does not exist; repair the link or name the picture"
    if not os.path.isdir(path.parent):
        return f"the folder {printable(path.parent)} does not exist either; check the path"
    names = {name.lower(): name for name in os.listdir(path.parent)}
    close = difflib.get_close_matches(path.name.lower(), names, n=3)
    if not close:
        return f"{printable(path.parent.absolute())} holds no similar name; check the path"
    return "did you mean " + " or ".join(printable(path.parent / names[c]) for c in close) + "?"
