"""JSON files."""

from __future__ import annotations

import os
from typing import Any

from eval.errors import EvaluationError
from eval.formats.text_files import BYTE_ORDER_MARK, is_image, read_bytes


def read_json(path: str | os.PathLike[str]) -> Any:
    """Parse one JSON file, which may be compressed (.gz) or begin with a byte order mark.

    Raises
    ------
    EvaluationError
        The file does not exist, cannot be read, or is no complete JSON.
    """
    import orjson

    content = read_bytes(path).removeprefix(BYTE_ORDER_MARK)
    if not content.strip():
        raise EvaluationError(f"{os.fspath(path)}: the file is empty; write it again")
    if is_image(content):
        raise EvaluationError(f"{os.fspath(path)}: this is an image; expected JSON")
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise EvaluationError(
            f"{os.fspath(path)}: not JSON, or cut short ({error}; the file has {len(content)} "
            f"bytes); {_json_remedy(content, str(error))}"
        ) from None


def _json_remedy(content: bytes, error: str) -> str:
    """The remedy for a file that the parser rejects with `error`."""
    if b"\0" in content[:4]:
        return "it seems to be UTF-16: save the file as UTF-8"
    if b"NaN" in content or b"Infinity" in content:
        return "it contains NaN or Infinity, which are not JSON: write finite numbers"
    if content.startswith(b"{") and "after document" in error:
        return "it seems to be JSON Lines (one object per line): write one list of objects"
    return "write it again"
