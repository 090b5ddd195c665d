"""Files whose annotations stay text until somebody wants dicts."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from eval.formats.compiled.json_columns import text_of
from eval.formats.compiled.json_numbers import NULS
from eval.formats.compiled.json_objects import read_top_level
from eval.formats.compiled.json_records import first_place
from eval.pycocotools.masks.shapes import Converter
from eval.pycocotools.results import complete
from eval.pycocotools.text_records import TextRecords, read_records

HEAD = ("info", "licenses", "images", "categories")  # keys that are parsed at once


@dataclass(eq=False)
class Unread:
    """The annotations of a file.

    Attributes
    ----------
    head
        The parsed values of other keys.
    results
        Whether the file is a list of results, which are completed.
    changes
        Functions of the COCO object, to be called once it has dicts.
    """

    records: TextRecords
    head: dict[str, Any]
    results: bool
    changes: list[Callable[[Any], Any]] = field(default_factory=list)

    def images(self) -> list[int]:
        """The ids of the images that have annotations."""
        return np.unique(self.records.images).tolist()

    def content(self) -> Any:
        """The file's content, as the dicts and lists that a parser makes."""
        content = parse(self.records.text[:-NULS].tobytes())
        if self.results:
            complete(content)
        return content


def read_truths(path: str | os.PathLike[str], converter: Converter) -> Unread | None:
    """Ground truth; None if the file is irregular.

    Raises
    ------
    OSError
    """
    top = read_top_level(path, HEAD)
    if top is None or "annotations" not in top.places or not _is_unicode(top.text):
        return None
    found = read_records(top.text, top.places["annotations"], converter, results=False)
    lists = all(isinstance(top.values.get(key, []), list) for key in ("images", "categories"))
    return Unread(found[0], top.values, results=False) if found and lists else None


def read_results(path: str | os.PathLike[str], converter: Converter) -> Unread | None:
    """Results, as read_truths."""
    text = text_of(Path(path).read_bytes())
    found = read_records(text, first_place(text), converter, results=True)
    if found is None or not _is_unicode(text) or bytes(text[found[1] : -NULS]).strip(b" \t\r\n"):
        return None
    return Unread(found[0], {}, results=True)


def load(path: str | os.PathLike[str]) -> Any:
    """A JSON file's content."""
    return parse(Path(path).read_bytes())


def parse(content: bytes) -> Any:
    """The content; Python's own parser takes what the fast one refuses, such as NaN."""
    import orjson

    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return json.loads(content)


def _is_unicode(text: np.ndarray) -> bool:
    """Whether a parser takes the text's characters."""
    if text.max() < 128:
        return True
    try:
        return bool(text.tobytes().decode())
    except UnicodeDecodeError:
        return False


def made_when_used(name: str) -> Any:
    """A property of COCO that makes the dicts of annotations before it is read or set."""

    def get(coco: Any) -> Any:
        coco.make_dicts()
        return getattr(coco, name)

    def set_(coco: Any, value: Any) -> None:
        coco.make_dicts()
        setattr(coco, name, value)

    return property(get, set_)
