"""The example of docs/batch.md runs; skipped without Ray."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

ray = pytest.importorskip("ray", reason="needs the extra [ray]")

ROOT = Path(__file__).parents[2]


def test_the_example_detects_in_the_photographs(monkeypatch: pytest.MonkeyPatch) -> None:
    page = (ROOT / "docs/batch.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_worker_niceness", "0")
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", paths)
    ray.init("local", num_cpus=4, include_dashboard=False, object_store_memory=100 * 2**20)
    try:
        names: dict[str, Any] = {}
        exec(compile(block, "docs/batch.md", "exec"), names)
        found = {Path(row["path"]).name: row for row in names["found"].take_all()}
    finally:
        ray.shutdown()
    assert {"person", "cat"} == {found[name]["classes"][0] for name in ("astronaut.jpg", "cat.jpg")}
    assert all(row["failure"] is None and "bytes" not in row for row in found.values())
