"""The table of claims: one row for every run of `detect evaluate`, as Markdown.

    python benchmarks/claims.py --data instances_test.json evaluations/A evaluations/B ...

Each row is compared with the one before it on the same halves of the images. All rows are
evaluated on the images that every run has done; the seconds come from the run folders.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import orjson

from eval import Dataset, EvaluationError, evaluate, read_dataset
from eval.why.comparison import compare
from eval.why.intervals import Interval, intervals
from eval.wording import difference, fraction, with_interval

HEAD = """\
| run | mAP, IoU 0.5 (95 %) | gain on the row above | COCO AP | boxes, classified | s / image |
|---|---|---|---|---|---|"""


@dataclass(frozen=True)
class Row:
    """One run: figures are fractions, boxes and seconds are means over its images."""

    name: str
    mean: Interval
    gain: Interval | None
    coco: float
    proposals: float
    regions: float
    seconds: float

    def __str__(self) -> str:
        gain = f"{difference(self.gain.value)} ± {fraction(self.gain.error)}" if self.gain else ""
        cells = (
            self.name,
            with_interval(self.mean.value, self.mean.low, self.mean.high),
            gain,
            fraction(self.coco),
            f"{self.proposals:,.0f}, {self.regions:,.0f}",
            f"{self.seconds:.2f}",
        )
        return f"| {' | '.join(cells)} |"


def main() -> None:
    """Read the arguments, evaluate every run, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="folder of a run")
    parser.add_argument("--data", type=Path, required=True, help="ground truth they were run on")
    arguments = parser.parse_args()
    for folder in arguments.runs:
        if not (folder / "detections.jsonl").is_file():
            parser.error(f"{folder}: no run of `detect evaluate`; give the folder it wrote")
    try:
        dataset = read_dataset(arguments.data)
    except EvaluationError as error:
        parser.error(str(error))
    print("\n".join([HEAD, *map(str, rows(arguments.runs, dataset))]))


def rows(folders: list[Path], dataset: Dataset) -> list[Row]:
    """A row for every run folder, in their order."""
    runs = [read_run(folder) for folder in folders]
    done = [i for i, image in enumerate(dataset.images) if all(image.id in run for run in runs)]
    if not done:
        raise SystemExit(f"no image of {dataset.source} is in all runs; give --data they ran on")
    part = dataset if len(done) == len(dataset) else dataset.subset(done)
    table, before = [], None
    for folder, run in zip(folders, runs, strict=True):
        lines = [run[image.id] for image in part.images]
        found = [row for line in lines for row in line["detections"]]
        report = evaluate(found, part)
        assert report.detections is not None
        scored = report.detections, report.matches
        table.append(
            Row(
                name=folder.name,
                mean=intervals(scored[0], part, scored[1]).mean,
                gain=compare(before, scored, part).mean if before else None,
                coco=evaluate(found, part, protocol="coco").map,
                proposals=mean(lines, "proposals"),
                regions=mean(lines, "regions"),
                seconds=mean(lines, "seconds"),
            )
        )
        before = scored
    return table


def read_run(folder: Path) -> dict[int | str, dict]:
    """The lines of a run by image id; a last one that was cut off is left out."""
    with (folder / "detections.jsonl").open("rb") as file:
        lines = [orjson.loads(line) for line in file if line.endswith(b"\n")]
    return {line["image_id"]: line for line in lines}


def mean(lines: list[dict], name: str) -> float:
    """The mean of a figure over a run's images."""
    return float(np.mean([line[name] for line in lines]))


if __name__ == "__main__":
    main()
