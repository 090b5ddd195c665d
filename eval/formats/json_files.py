"""JSON files."""

from __future__ import annotations

import json
import os
import re
from typing import Any

from eval.errors import EvaluationError
from eval.formats.text_files import is_image, read_bytes

BAD_NUMBER = re.compile(rb"(?<![\w\"])-?(NaN|Infinity)\b")
LONGEST = 400  # digits of a whole number; longer ones are infinite as floats
HUGE_NUMBER = re.compile(rb"[0-9][eE]\+?[0-9]{3}|[0-9]{300}")  # orjson refuses what is no float
HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")
ABSENT = object()  # in place of a document that is no JSON


def read_json(path: str | os.PathLike[str]) -> Any:
    """Parse one JSON file, which may be compressed (.gz) or begin with a byte order mark.

    NaN and Infinity, which Python programs write although they are not JSON, are read as floats,
    and so are numbers that are too large for a float (1e999), as Infinity.

    Raises
    ------
    EvaluationError
        The file does not exist, cannot be read, or is no complete JSON.
    """
    return parsed_json(read_bytes(path), os.fspath(path))


def parsed_json(content: bytes, source: str) -> Any:
    """The document of a JSON file's content, as read_json; `source` names the file in errors."""
    import orjson

    if not content.strip():
        raise EvaluationError(f"{source}: the file is empty; write it again")
    if is_image(content):
        raise EvaluationError(f"{source}: this is an image; expected JSON")
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        document = with_odd_numbers(content)
        if document is not ABSENT:
            return document
        raise EvaluationError(
            f"{source}: not JSON, or cut short ({error}; the file has {len(content)} "
            f"bytes); {_json_remedy(content, str(error))}"
        ) from None


def with_odd_numbers(content: bytes) -> Any:
    """The document of a file with NaN, Infinity or 1e999; ABSENT if that is not its only fault.

    Half of a surrogate pair is refused, as by orjson, because it cannot be printed.
    """
    odd = BAD_NUMBER.search(content) or HUGE_NUMBER.search(content)
    if not odd or HALF_PAIR.search(content):
        return ABSENT
    try:
        return json.loads(content.decode(), parse_int=_whole)
    except (ValueError, RecursionError):
        return ABSENT


def _whole(digits: str) -> float:
    return int(digits) if len(digits) < LONGEST else float(digits)


def _json_remedy(content: bytes, error: str) -> str:
    """The remedy for a file that the parser rejects with `error`."""
    if b"\0" in content[:4]:
        return "it seems to be UTF-16: save the file as UTF-8"
    try:
        content.decode()
    except UnicodeDecodeError as fault:
        line = content.count(b"\n", 0, fault.start) + 1
        around = content[max(fault.start - 12, 0) : fault.end + 12].decode("utf-8", "replace")
        return (
            f"line {line} is not UTF-8 ({around!r}), as if it had the encoding of Windows: save "
            "the file as UTF-8"
        )
    if content.startswith(b"{") and "after document" in error:
        return "it seems to be JSON Lines (one object per line): write one list of objects"
    return "write it again"
