"""Text files, which may be compressed (.gz)."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from eval.errors import EvaluationError

P = ParamSpec("P")
T = TypeVar("T")
BYTE_ORDER_MARK, UTF_16_MARKS = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
# A compressed file may expand to this many times its size, or to this many bytes. Annotations
# expand to 5 to 30 times; a small file that expands to gigabytes was made to fill the memory.
MOST_TIMES, MOST_BYTES = 100, 2 << 20


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The content of a file, decompressed and in UTF-8 (see as_utf8).

    Raises
    ------
    EvaluationError
        The file does not exist, cannot be read, or is a damaged .gz.
    """
    try:
        content = Path(path).read_bytes()
        return as_utf8(_unpacked(content, path) if content[:2] == b"\x1f\x8b" else content)
    except FileNotFoundError:
        raise EvaluationError(f"{os.fspath(path)}: no such file; check the path") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise EvaluationError(
            f"{os.fspath(path)}: damaged or cut short ({error}); write it again"
        ) from None
    except OSError as error:
        raise EvaluationError(f"{os.fspath(path)}: cannot be read ({error.strerror})") from error


def as_utf8(content: bytes, *, cut: bool = False) -> bytes:
    """Content without a byte order mark, in UTF-8 if the mark is UTF-16's.

    PowerShell and Excel on Windows write UTF-16. XML, which declares its encoding, is left as it
    is. The content may be `cut` within a letter.
    """
    if not content.startswith(UTF_16_MARKS):
        return content.removeprefix(BYTE_ORDER_MARK)
    try:
        text = content.decode("utf-16", "ignore" if cut else "strict")
    except UnicodeDecodeError:
        return content
    return content if text.lstrip().startswith("<") else text.encode()


def _unpacked(content: bytes, path: str | os.PathLike[str]) -> bytes:
    most = max(MOST_TIMES * len(content), MOST_BYTES)
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        unpacked = file.read(most + 1)
    if len(unpacked) > most:
        raise EvaluationError(
            f"{os.fspath(path)}: expands to more than {MOST_TIMES} times its size; decompress it "
            "with gunzip and name the file in it if it is right"
        )
    return unpacked


def system_faults(read: Callable[P, T]) -> Callable[P, T]:
    """Make a reader raise an EvaluationError where the system refuses something (OSError).

    Readers look at many files and folders, any of which may be forbidden, looped or on a disk that
    fails.
    """

    @wraps(read)
    def reading(*arguments: P.args, **options: P.kwargs) -> T:
        try:
            return read(*arguments, **options)
        except OSError as error:
            where = next((e for e in (error.filename, *arguments) if e is not None), "system")
            raise EvaluationError(
                f"{where!s:.300}: cannot be read ({error.strerror or error}); check the path and "
                "its permissions"
            ) from None

    return reading


def is_image(content: bytes) -> bool:
    """Whether the content begins like JPEG, PNG, GIF or TIFF."""
    return content.startswith((b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*"))


def first_bytes(path: Path) -> bytes:
    """The first 64 KiB of a file, decompressed and in UTF-8 (see as_utf8).

    Raises
    ------
    EvaluationError
        The file does not exist, cannot be read, or is a damaged .gz.
    """
    try:
        with open(path, "rb") as file:
            begin = file.read(1 << 16)
        if begin[:2] == b"\x1f\x8b":
            begin = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(begin, 1 << 16)
    except FileNotFoundError:
        raise EvaluationError(f"{path}: no such file; check the path") from None
    except zlib.error as error:
        raise EvaluationError(f"{path}: damaged ({error}); write it again") from None
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be read ({error.strerror})") from error
    return as_utf8(begin, cut=True)


def first_line(path: Path) -> bytes:
    """The first line that is not empty, without leading and trailing blanks (see first_bytes)."""
    return first_bytes(path).strip().partition(b"\n")[0]


def decoded(content: bytes, source: str) -> str:
    """Decode UTF-8 text; `source` names it in errors."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise EvaluationError(
            f"{source}: line {line} is not UTF-8 text; save the file as UTF-8"
        ) from None


def declares_entities(content: bytes) -> bool:
    """Whether XML declares entities of its own, with which a small file can fill the memory."""
    return b"<!ENTITY" in content.replace(b"\0", b"")  # also in UTF-16


def word_lines(path: Path) -> list[tuple[int, list[str]]]:
    """Line number and words of each line that is not empty."""
    lines = decoded(read_bytes(path), path.name).splitlines()
    pairs = [(number, line.split()) for number, line in enumerate(lines, start=1)]
    return [(number, words) for number, words in pairs if words]
