"""docs/labelling.md shows the labelling interface that fits the written tasks."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

from eval.formats.writing.label_studio import label_studio_config

PAGE = Path(__file__).resolve().parents[2] / "docs" / "labelling.md"


def test_the_printed_interface_is_the_written_one() -> None:
    (printed,) = re.findall(r"```xml\n(.*?) *```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert textwrap.dedent(printed) == label_studio_config(("cat", "dog"))
