"""JSON files."""

from __future__ import annotations

import os
from typing import Any

from eval.errors import EvaluationError
from eval.formats.text_files import BYTE_ORDER_MARK, is_picture, read_bytes


def read_json(path: str | os.PathLike[str]) -> Any:
    """Parse one JSON file; .gz is unpacked on the way, a byte order mark passed over.

    Raises
    ------
    EvaluationError
        No such file, unreadable, or not (whole) JSON.
    """
    import orjson

    content = read_bytes(path).removeprefix(BYTE_ORDER_MARK)
    if not content.strip():
        raise EvaluationError(f"{os.fspath(path)}: the file is empty; write it again")
    if is_picture(content):
        raise EvaluationError(f"{os.fspath(path)}: a picture; expected JSON")
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise EvaluationError(
            f"{os.fspath(path)}: not JSON, or cut short ({error}; the file has {len(content)} "
            f"bytes); {_json_remedy(content, str(error))}"
        ) from None


def _json_remedy(content: bytes, said: str) -> str:
    """What to do about a file that is not JSON, where that can be guessed."""
    if b"\0" in content[:4]:
        return "it seems to be UTF-16: save the file as UTF-8"
    if b"NaN" in content or b"Infinity" in content:
        return "it holds NaN or Infinity, which JSON does not know: write finite numbers"
    if content.startswith(b"{") and "after document" in said:
        return "it seems to be one object after another (JSON Lines): write one list of them"
    return "write it again"
