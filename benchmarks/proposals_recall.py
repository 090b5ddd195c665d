"""Compare selective search with other programs': boxes, recall, order and time on one data set.

    python benchmarks/proposals_recall.py --data instances_test.json --limit 100 --plot recall.png

All get the picture at width 500 and the time of that resizing, and of all the boxes under 20 px
at that width and exact duplicates are dropped (OpenCV keeps them; --min-side 0 shows it so).
OpenCV runs with its own presets, and with the k and smallest segment of our fast rows, so that
the search and not the setting is compared. Objects marked difficult, ignored or crowds are left
out. Rows are interleaved image by image, so that other work on the machine slows all alike.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from opencv_search import MIN_SIDE, Method, assemble_opencv, opencv_rows, other_rows, run_opencv
from rich.console import Console
from rich.progress import track

from detector import read_image
from detector.pictures.dataset_folder import find_image_folder
from eval import Dataset, read_dataset
from proposals import selective_search
from proposals.recall.meter import RecallMeter
from proposals.recall.plot import plot_reports
from proposals.recall.report import RecallReport

__all__ = ["assemble_opencv", "run_opencv"]  # other benchmarks take them from here

FIRST = (50, 100, 500)
OURS = {
    "ours single": ("single", 1.0),
    "ours fast 1.0": ("fast", 1.0),
    "ours fast 2.0": ("fast", 2.0),
    "ours quality": ("quality", 1.0),
}
STYLES: dict[str, dict[str, Any]] = {
    "ours single": {"color": "#009E73"},
    "ours fast 1.0": {"color": "#0072B2"},
    "ours fast 2.0": {"color": "#D55E00"},
    "ours quality": {"color": "#CC79A7"},
    "OpenCV fast, default": {"color": "#444444", "linestyle": "--"},
    "OpenCV as fast 1.0": {"color": "#0072B2", "linestyle": "--"},
    "OpenCV as fast 2.0": {"color": "#D55E00", "linestyle": "--"},
    "OpenCV quality": {"color": "#CC79A7", "linestyle": "--"},
    "dlib": {"color": "#999999", "linestyle": ":"},
    "selectivesearch": {"color": "#E69F00", "linestyle": ":"},
}


class Result(NamedTuple):
    """What one row found, and how long it took per image."""

    report: RecallReport
    seconds: float


def main() -> None:
    """Read the arguments, run every row on every image, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    add_data_arguments(parser)
    parser.add_argument("--only", nargs="+", metavar="WORD", help="rows with a word in the name")
    parser.add_argument("--threads", type=int, help="for our rows (default: all processors)")
    parser.add_argument(
        "--min-side", type=int, default=MIN_SIDE, help="least side of a box (default: 20)"
    )
    arguments = parser.parse_args()
    rows = our_rows(arguments.threads, arguments.min_side)
    rows |= opencv_rows(arguments.min_side) | other_rows(arguments.min_side)
    if arguments.only:
        rows = {n: row for n, row in rows.items() if any(word in n for word in arguments.only)}
    if not rows:
        parser.error(f"--only {' '.join(arguments.only)}: no row has such a word in its name")
    results = measure_rows(rows, *read_data(arguments))
    print_table(results)
    print_ratios(results)
    save(results, arguments, STYLES)


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Options that say what to measure on, and where to."""
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="JSON", help="ground truth, COCO format")
    add("--images", type=Path, metavar="DIR", help="its pictures (default: beside the JSON)")
    add("--limit", type=int, default=100, metavar="N", help="the first N pictures (100; 0: all)")
    add("--json", type=Path, metavar="FILE", help="write all figures here")
    add("--plot", type=Path, metavar="FILE", help="draw recall against boxes here (.png, .svg)")


def read_data(arguments: argparse.Namespace) -> tuple[Dataset, Path]:
    """The data set, as far as --limit goes, and the folder of its pictures."""
    dataset = read_dataset(arguments.data)
    if arguments.limit:
        dataset = dataset.subset(range(min(arguments.limit, len(dataset))))
    return dataset, arguments.images or find_image_folder(arguments.data, dataset)


def our_rows(threads: int | None, min_side: int) -> dict[str, Method]:
    """Build the rows of this project."""

    def row(mode: str, scale: float) -> Method:
        return lambda image: (
            selective_search(image, mode, scale, min_side=min_side, threads=threads).boxes_xyxy
        )

    return {name: row(mode, scale) for name, (mode, scale) in OURS.items()}


def measure_rows(rows: dict[str, Method], dataset: Dataset, folder: Path) -> dict[str, Result]:
    """Run all rows on one image after another."""
    for method in rows.values():
        method(np.zeros((64, 64, 3), np.uint8))  # compile and load outside the clock
    meters = {name: RecallMeter() for name in rows}
    seconds = dict.fromkeys(rows, 0.0)
    images = track(range(len(dataset)), "measuring", console=Console(stderr=True))
    for index in images:
        image = read_image(folder / dataset.images[index].file_name)
        truths = dataset.truths(index)
        for name, method in rows.items():
            start = time.perf_counter()
            boxes = method(image)
            seconds[name] += time.perf_counter() - start
            meters[name].add(boxes, truths.boxes_xyxy, truths.labels, truths.ignored, truths.areas)
    count = max(1, len(dataset))
    return {
        name: Result(meter.report(dataset.class_names), seconds[name] / count)
        for name, meter in meters.items()
    }


def print_table(results: dict[str, Result], firsts: tuple[int, ...] = FIRST) -> None:
    """Print one line per row; `in N` is recall at IoU 0.5 of the first N boxes."""
    report = next(iter(results.values())).report
    print(
        f"{report.images} images, {report.objects} objects; in N: recall@0.5 of the first N boxes"
    )
    heads = ["boxes", "recall@0.5", "recall@0.7", "MABO", "AR", *(f"in {n}" for n in firsts), "ms"]
    width = max(len(name) for name in results)
    print(" " * width + "".join(f"{head:>11}" for head in heads))
    for name, (report, seconds) in results.items():
        figures = [report.recall(0.5), report.recall(0.7), report.mabo, report.average_recall()]
        figures += [report.recall(0.5, first) for first in firsts]
        cells = [f"{report.mean_boxes():.0f}", *(f"{figure:.3f}" for figure in figures)]
        print(f"{name:<{width}}" + "".join(f"{cell:>11}" for cell in cells), end="")
        print(f"{1000 * seconds:11.1f}")


def print_ratios(results: dict[str, Result]) -> None:
    """Print boxes of doubled to plain superpixels, and how much faster our rows are."""

    def boxes(name: str) -> float:
        return results[name].report.mean_boxes()

    doubled, plain = "ours fast 2.0", "ours fast 1.0"
    if doubled in results and plain in results:
        print(f"boxes, fast 2.0 : fast 1.0   {boxes(doubled) / boxes(plain):.3f}")
    for setting in ("fast 1.0", "fast 2.0"):
        ours, theirs = f"ours {setting}", f"OpenCV as {setting}"
        if ours in results and theirs in results:
            print(
                f"{setting}, ours : OpenCV   boxes {boxes(ours) / boxes(theirs):.3f}"
                f"   time 1 : {results[theirs].seconds / results[ours].seconds:.1f}"
            )


def save(
    results: dict[str, Result], arguments: argparse.Namespace, styles: dict[str, dict[str, Any]]
) -> None:
    """Write the figures and the picture that --json and --plot ask for."""
    if arguments.json:
        rows = {
            name: {"seconds_per_image": seconds, **report.to_dict()}
            for name, (report, seconds) in results.items()
        }
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
    if arguments.plot:
        plot_reports({name: result.report for name, result in results.items()},
                     arguments.plot, styles)  # fmt: skip


if __name__ == "__main__":
    main()
