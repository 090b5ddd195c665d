"""The GoogLeNet paper's figures of its proposals, on one data set, from one command.

    python benchmarks/proposals_coverage.py --data instances_test.json --limit 0 --plot coverage.png

Section 8: doubled superpixels halve selective search's boxes; 200 of MultiBox are added; together
they are about 60 % of R-CNN's, and coverage (recall at IoU 0.5) rises from 92 to 93 %. `in 200` is
recall at IoU 0.5 of the first 200 boxes of each ranking; --opencv adds OpenCV's rankings.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from opencv_search import Method, opencv_rows
from proposals_recall import (
    Result,
    add_data_arguments,
    measure_rows,
    print_table,
    read_data,
    save,
)

from detector import Detector, DetectorError
from proposals import selective_search

RCNN, DOUBLED = "R-CNN fast", "doubled"
MULTIBOX, MERGED = "MultiBox 200", "doubled + 200 MultiBox"
STYLES: dict[str, dict[str, Any]] = {
    RCNN: {"color": "#0072B2"},
    DOUBLED: {"color": "#D55E00"},
    MULTIBOX: {"color": "#009E73"},
    MERGED: {"color": "#CC79A7", "linewidth": 2.4},
    "OpenCV fast, default": {"color": "#999999", "linestyle": ":"},
    "OpenCV as fast 1.0": {"color": "#0072B2", "linestyle": ":"},
    "OpenCV as fast 2.0": {"color": "#D55E00", "linestyle": ":"},
}


def main() -> None:
    """Read the arguments, run every row on every image, print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    add_data_arguments(parser)
    parser.add_argument("--weights", metavar="FILE", help="another detector than the bundled one")
    parser.add_argument("--device", help="cpu, cuda, cuda:1")
    parser.add_argument("--opencv", action="store_true", help="also OpenCV's fast rankings")
    arguments = parser.parse_args()
    try:
        detector = Detector.load(arguments.weights or "voc20", device=arguments.device)
        rows = coverage_rows(detector)
        if arguments.opencv:
            rows |= {n: row for n, row in opencv_rows().items() if n in STYLES}
        results = measure_rows(rows, *read_data(arguments))
    except DetectorError as error:
        parser.error(str(error))
    print_table(results, firsts=(200,))
    print_against(results, RCNN)
    save(results, arguments, STYLES)


def coverage_rows(detector: Any) -> dict[str, Method]:
    """The rows of the paper; `detector` has `propose` and `multibox_proposals`."""
    return {
        RCNN: lambda image: selective_search(image, "fast", 1.0).boxes_xyxy,
        DOUBLED: lambda image: selective_search(image, "fast", 2.0).boxes_xyxy,
        MULTIBOX: lambda image: detector.multibox_proposals(image).boxes_xyxy,
        MERGED: lambda image: detector.propose(image).boxes_xyxy,
    }


def print_against(results: dict[str, Result], base: str) -> None:
    """Print boxes and recall of every other row beside one, with the paired standard error."""
    print(f"\nagainst {base}: boxes, and recall@0.5 (± standard error, same objects)")
    reference = results[base].report
    width = max(len(name) for name in results)
    for name, (report, _) in results.items():
        if name == base:
            continue
        found, there = report.best_overlaps >= 0.5, reference.best_overlaps >= 0.5
        gains = found.astype(int) - there.astype(int)
        error = gains.std() / np.sqrt(max(1, len(gains)))
        share = report.mean_boxes() / reference.mean_boxes()
        print(f"{name:<{width}}{100 * share:9.0f} %{gains.mean():+11.3f} ± {error:.3f}")


if __name__ == "__main__":
    main()
