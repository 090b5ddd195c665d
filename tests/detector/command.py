"""Calls `detect` in this process and reads its output."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from detector.cli import main
from tests.made_up import rectangles

# Options of `selective_search` that suit pictures of a hundred pixels
SEARCH = {"mode": "single", "width": 96, "min_side": 8}


class Run(NamedTuple):
    """One call of `detect`: exit code, both streams, content of detections.json."""

    code: int
    out: str
    errors: str
    found: dict[str, Any]

    def of(self, name: str) -> list[dict[str, Any]]:
        """The annotations of the picture with this file name, without their image id."""
        (identity,) = [i["id"] for i in self.found["images"] if Path(i["file_name"]).name == name]
        rows = [row for row in self.found["annotations"] if row["image_id"] == identity]
        return [{key: row[key] for key in ("category_id", "bbox", "score")} for row in rows]


def detect(*words: object, json_at: Path | None = None) -> Run:
    out, errors = io.TextIOWrapper(io.BytesIO()), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = main([str(word) for word in words])
        out.flush()
    found = json.loads(json_at.read_bytes()) if json_at and json_at.exists() else {}
    return Run(code, out.buffer.getvalue().decode(), errors.getvalue(), found)  # type: ignore


def save(path: Path, seed: int = 1, height: int = 72, width: int = 96) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rectangles(seed, height, width)[0]).save(path)
    return path


def proposed(folder: Path) -> list[dict[str, Any]]:
    """The lines that `detect propose` wrote."""
    text = (folder / "proposals.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]
