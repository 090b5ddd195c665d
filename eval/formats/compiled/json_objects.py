"""The top level of a JSON object, without Python objects for the lists that arrays replace."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np

from eval.formats.compiled.json_numbers import NULS, POWERS_OF_FIVE, POWERS_OF_TEN
from eval.formats.compiled.json_records import top_level


@dataclass(frozen=True)
class TopLevel:
    """The top level of a JSON object.

    Attributes
    ----------
    text
        The file as an array of bytes, followed by NULS NULs.
    places
        Where each value begins in the text, by key.
    values
        The parsed values of some keys.
    """

    text: np.ndarray
    places: dict[str, int]
    values: dict[str, Any]


def read_top_level(path: str | os.PathLike[str], parsed: tuple[str, ...]) -> TopLevel | None:
    """Read the object in a file and parse the values of some keys; None if it is unusual.

    Raises
    ------
    OSError
    """
    import orjson

    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        text = np.empty(size + NULS, dtype=np.uint8)
        count = file.readinto(text[:size].data)
    text[count:] = 0
    spans = np.zeros((64, 4), dtype=np.int64)
    keys = top_level(text, POWERS_OF_FIVE, POWERS_OF_TEN, np.zeros(1, np.uint64), spans)
    places, values = {}, {}
    for key_begin, key_end, begin, end in spans[: max(keys, 0)].tolist():
        key = bytes(text[key_begin + 1 : key_end - 1]).decode("utf-8", "replace")
        if "\\" in key or key in places:
            return None
        places[key] = begin
        if key in parsed:
            try:
                values[key] = orjson.loads(text[begin:end].data)
            except orjson.JSONDecodeError:
                return None
    return TopLevel(text, places, values) if keys >= 0 else None
