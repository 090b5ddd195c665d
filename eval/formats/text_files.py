"""Text files, which may be compressed (.gz)."""

from __future__ import annotations

import gzip
import os
import zlib
from pathlib import Path

from eval.errors import EvaluationError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def read_bytes(path: str | os.PathLike[str]) -> bytes:
    """The content of a file, decompressed.

    Raises
    ------
    EvaluationError
        The file does not exist, cannot be read, or is a damaged .gz.
    """
    try:
        content = Path(path).read_bytes()
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except FileNotFoundError:
        raise EvaluationError(f"{os.fspath(path)}: no such file; check the path") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise EvaluationError(
            f"{os.fspath(path)}: damaged or cut short ({error}); write it again"
        ) from None
    except OSError as error:
        raise EvaluationError(f"{os.fspath(path)}: cannot be read ({error.strerror})") from error


def is_image(content: bytes) -> bool:
    """Whether the content begins like JPEG, PNG, GIF or TIFF."""
    return content.startswith((b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*"))


def first_bytes(path: Path) -> bytes:
    """The first 64 KiB of a file, decompressed, without a byte order mark.

    Raises
    ------
    EvaluationError
        The file does not exist, cannot be read, or is a damaged .gz.
    """
    try:
        with open(path, "rb") as file:
            begin = file.read(1 << 16)
        if begin[:2] == b"\x1f\x8b":
            begin = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(begin)
    except FileNotFoundError:
        raise EvaluationError(f"{path}: no such file; check the path") from None
    except zlib.error as error:
        raise EvaluationError(f"{path}: damaged ({error}); write it again") from None
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be read ({error.strerror})") from error
    return begin.removeprefix(BYTE_ORDER_MARK)


def first_line(path: Path) -> bytes:
    """The first line that is not empty, without leading and trailing blanks (see first_bytes)."""
    return first_bytes(path).strip().partition(b"\n")[0]


def decoded(content: bytes, source: str) -> str:
    """Decode UTF-8 text with or without a byte order mark; `source` names it in errors."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise EvaluationError(
            f"{source}: line {line} is not UTF-8 text; save the file as UTF-8"
        ) from None


def word_lines(path: Path) -> list[tuple[int, list[str]]]:
    """Line number and words of each line that is not empty."""
    lines = decoded(read_bytes(path), path.name).splitlines()
    pairs = [(number, line.split()) for number, line in enumerate(lines, start=1)]
    return [(number, words) for number, words in pairs if words]
