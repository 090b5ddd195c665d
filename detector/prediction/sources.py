"""The pictures that the arguments of `detect` name: files, lists, web addresses, standard input."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from detector.errors import DetectorError
from detector.files.names import printable, unicode_name, unique_stem
from detector.pictures.finding import find_photographs, refuse_missing
from detector.prediction.web import MAX_BYTES, download, is_web_address

if TYPE_CHECKING:
    from detector.pictures.reading import ScaledPicture

STANDARD_INPUT = "-"
LIST_SUFFIX = ".txt"
LONGEST = 4096  # letters of a line: more than a path has


class Source(NamedTuple):
    """One picture.

    Attributes
    ----------
    name
        The path, the web address or "-", as messages and files name the picture.
    stem
        The name of the files that are written for it, without suffix; no other source has it.
    path
        The picture's file; None for a web address and for standard input.
    """

    name: str
    stem: str
    path: Path | None

    def read(self, max_side: int | None = None) -> ScaledPicture:
        """Read the picture, reduced if its longer side has more than `max_side` pixels.

        Raises
        ------
        DetectorError
            The picture cannot be read or downloaded.
        """
        from detector.pictures.reading import read_scaled

        if self.path is not None:
            return read_scaled(self.path, max_side=max_side)
        content = _standard_input() if self.name == STANDARD_INPUT else download(self.name)
        return read_scaled(content, max_side=max_side)


class Sources(NamedTuple):
    """All pictures in order, and the number of those that cannot be read, by suffix."""

    pictures: list[Source]
    skipped: Counter[str]


def find_sources(words: Sequence[str]) -> Sources:
    """Find the pictures that words name; web addresses and "-" come after the files.

    A word is a file, a folder, a pattern, an http or https address, "-" for the bytes of one
    picture on standard input, or a text file (.txt) of such words, one a line.

    Raises
    ------
    DetectorError
        No word names a picture, or a list cannot be read.
    """
    every = list(_with_lists(words))
    remote = dict.fromkeys(w for w in every if w == STANDARD_INPUT or is_web_address(w))
    local = [word for word in every if word not in remote]
    found = find_photographs(local) if local or not remote else None
    if found and not remote:
        refuse_missing(found.paths)
    named = [(unicode_name(path), path.name, path) for path in found.paths] if found else []
    pictures: dict[str, Source] = {}
    for name, file_name, path in [*named, *((word, _file_name(word), None) for word in remote)]:
        stem = unique_stem(file_name, pictures)
        pictures[stem] = Source(name, stem, path)
    return Sources([*pictures.values()], found.skipped if found else Counter())


def _with_lists(words: Iterable[str]) -> Iterator[str]:
    """The words, and in place of a list its lines; a line that names a list stays."""
    for word in words:
        if Path(word).suffix.lower() == LIST_SUFFIX and os.path.isfile(word):
            yield from lines_of_list(Path(word).read_bytes(), printable(word))
        else:
            yield word


def lines_of_list(content: bytes, name: str) -> list[str]:
    """The lines of a list of pictures that are not blank; `name` is the list's in errors.

    Raises
    ------
    DetectorError
        The content is no text, or empty.
    """
    text = content.decode("utf-8-sig", "surrogateescape")  # as Python decodes file names
    lines = [line.strip() for line in text.split("\n")]
    if "\0" in text or max(map(len, lines)) > LONGEST:
        raise DetectorError(
            f"{name}: no list of pictures; write it as text in UTF-8, one path a line"
        )
    if not any(lines):
        raise DetectorError(f"{name}: an empty list; write the path of a picture on each line")
    return [line for line in lines if line]


def _file_name(word: str) -> str:
    """A file name for a picture that is no file: the last part of a web address's path."""
    if word == STANDARD_INPUT:
        return "stdin"
    try:
        name = unquote(urlsplit(word).path).rpartition("/")[2]
    except ValueError:  # an address such as http://[::1, which downloading reports
        name = ""
    return "".join(letter if letter.isprintable() else "_" for letter in name) or "picture"


def _standard_input() -> bytes:
    if sys.stdin is None or sys.stdin.isatty():
        raise DetectorError(
            "-: standard input is a terminal; pipe a picture into it, or name a file"
        )
    content = sys.stdin.buffer.read(MAX_BYTES + 1)
    if not content:
        raise DetectorError("-: standard input is empty; pipe a picture into it, or name a file")
    if len(content) > MAX_BYTES:
        raise DetectorError(
            f"-: more than {MAX_BYTES // 10**6} MB on standard input; name a file instead"
        )
    return content
