"""Evaluators of several processes, gathered by torch.distributed as docs/evaluation.md shows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

# Each process has every second image; in image 3 the dog is missed.
PROCESS = """
import sys
import torch
rank, folder = int(sys.argv[1]), sys.argv[2]
store = torch.distributed.FileStore(folder + "/store", 2)
torch.distributed.init_process_group("gloo", store=store, rank=rank, world_size=2)
metric = MeanAveragePrecision(["cat", "dog"], first_label=1)
boxes = torch.tensor([[10.0, 10, 60, 50]])
for image in range(rank, 4, 2):
    labels = torch.tensor([1 + image % 2])
    kept = slice(0, 0) if image == 3 else slice(0, 1)
    found = {"boxes": boxes[kept], "scores": torch.tensor([0.5])[kept], "labels": labels[kept]}
    metric.update([found], [{"boxes": boxes, "labels": labels, "image_id": image}])
report = gathered(metric)
print({name: round(float(value), 9) for name, value in report.per_class.items()})
torch.distributed.destroy_process_group()
"""


def test_two_processes_have_the_result_of_all_images(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    page = (ROOT / "docs/evaluation.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^```python\n([^`]*def gathered.*?)^```$", page, re.M | re.S)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", shown + PROCESS, str(rank), str(tmp_path)],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    printed = [process.communicate(timeout=120)[0] for process in processes]
    # Recall of dogs ends at 1/2: 51 of the 101 points of recall.
    assert printed == [f"{{'cat': 1.0, 'dog': {51 / 101:.9f}}}\n"] * 2
