"""Milliseconds per photograph of selective search: ours, OpenCV's and other people's.

    python benchmarks/proposals_speed.py --images FOLDER [--count 13] [--rounds 5] [--quality]

All get the picture resized to width 500. Rounds alternate image by image in one process, so
that other work on the machine slows all alike; the minimum over the rounds counts, and the
table shows the mean over the images. Then follow our stages, and, each in a process of its
own: compiling into an empty cache, starting with a full one, and a photograph enlarged to 12
million pixels. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from opencv_search import assemble_opencv

from proposals import selective_search
from proposals.search import features, filters, grouping, segmentation, strategies

WIDTH = 500
Image = NDArray[np.uint8]
Method = Callable[[Image], object]

# (module, function) of each stage, and what was found to bound it.
STAGES: list[tuple[Any, str, str]] = [
    (strategies, "_convert", "OpenCV's colour conversions"),
    (filters, "_filter", "arithmetic: 18 multiply-adds per value, in vectors"),
    (segmentation, "weigh", "counting buckets; the weights themselves are vectors"),
    (
        segmentation,
        "join",
        "joining (latency, mispredicted branches), flattening, dealing out and sorting edges",
    ),
    (segmentation, "edges_between", "branches and hash look-ups, one per edge between segments"),
    (segmentation, "finish", "branches, over the few edges left, for each k"),
    (features, "_texture_entries", "one store per direction and channel of each pixel"),
    (features, "describe_regions", "increments of histograms, one per entry"),
    (grouping, "merge_order", "histogram intersections of 320 values per new pair"),
]

START = """
import time; began = time.perf_counter()
import numpy as np
from proposals import selective_search
selective_search(np.zeros((32, 32, 3), np.uint8))
print(time.perf_counter() - began)
"""
LARGE = """
import resource, sys, time, cv2
from proposals import selective_search
image = cv2.resize(cv2.imread(sys.argv[1]), (4000, 3000), interpolation=cv2.INTER_CUBIC)
selective_search(image[:32, :32])
began = time.perf_counter()
selective_search(image, width=None)
print(time.perf_counter() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def main() -> None:
    """Read the arguments, run the rounds, print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--images", type=Path, required=True, help="folder of photographs")
    parser.add_argument("--count", type=int, default=13, help="evenly spaced ones of them (13)")
    parser.add_argument("--rounds", type=int, default=5, help="the fastest round counts (5)")
    parser.add_argument("--threads", type=int, default=2, help="of the parallel rows (2)")
    parser.add_argument("--quality", action="store_true", help="quality mode too (minutes)")
    arguments = parser.parse_args()
    paths = sorted(arguments.images.rglob("*.jpg"))
    if not paths:
        parser.error(f"no *.jpg below {arguments.images}")
    chosen = np.linspace(0, len(paths) - 1, min(arguments.count, len(paths))).astype(int)
    images = [read(paths[i]) for i in chosen]
    selective_search(images[0][:32, :32])  # compiles outside the clock
    rows = methods(arguments.threads, arguments.quality)
    print(f"{len(images)} photographs, width {WIDTH}, {os.cpu_count()} processors")
    print_comparison(rows, clock_all(rows, images, arguments.rounds))
    print_stages(images, arguments.rounds)
    print_processes(paths[0])


def read(path: Path) -> Image:
    """Read one photograph as RGB at the width of the comparison."""
    bgr = cv2.imread(str(path))
    if bgr is None:
        raise SystemExit(f"cannot read {path}")
    height, width = bgr.shape[:2]
    interpolation = cv2.INTER_AREA if width > WIDTH else cv2.INTER_LINEAR
    bgr = cv2.resize(bgr, (WIDTH, round(height * WIDTH / width)), interpolation=interpolation)
    return np.ascontiguousarray(bgr[..., ::-1], np.uint8)


def methods(threads: int, with_quality: bool) -> dict[str, Method | None]:
    """Build the rows; None stands for a package that is not installed."""

    def ours(mode: str, scale: float, threads: int) -> Method:
        return lambda image: selective_search(image, mode, scale, threads=threads)

    rows: dict[str, Method | None] = {
        "OpenCV fast, default": partial(opencv_preset, preset="switchToSelectiveSearchFast"),
        "OpenCV 100, 200": partial(opencv, mode="fast", scale=2.0),
        "ours fast 2, 1 thread": ours("fast", 2.0, 1),
        f"ours fast 2, {threads} threads": ours("fast", 2.0, threads),
        "OpenCV 50, 100": partial(opencv, mode="fast", scale=1.0),
        "ours fast 1, 1 thread": ours("fast", 1.0, 1),
        "ours single, 1 thread": ours("single", 1.0, 1),
        "dlib": dlib_boxes if is_installed("dlib") else None,
        "selectivesearch": selectivesearch_boxes if is_installed("selectivesearch") else None,
    }
    if with_quality:
        rows |= {
            "OpenCV quality": partial(opencv_preset, preset="switchToSelectiveSearchQuality"),
            "ours quality, 1 thread": ours("quality", 1.0, 1),
            f"ours quality, {threads} threads": ours("quality", 1.0, threads),
        }
    return rows


def opencv_preset(image: Image, preset: str) -> object:
    """Run an OpenCV preset on a fresh object: reusing one corrupts memory."""
    search = cv2.ximgproc.segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(np.ascontiguousarray(image[..., ::-1]))
    getattr(search, preset)()
    return search.process()


def opencv(image: Image, mode: str, scale: float) -> object:
    """Run OpenCV with the strategies of one of our modes."""
    return assemble_opencv(np.ascontiguousarray(image[..., ::-1]), mode, scale).process()


def dlib_boxes(image: Image) -> object:
    """Run dlib's search with its own settings."""
    boxes: list[object] = []
    importlib.import_module("dlib").find_candidate_object_locations(image, boxes)
    return boxes


def selectivesearch_boxes(image: Image) -> object:
    """Run the `selectivesearch` package with the settings of its example."""
    module = importlib.import_module("selectivesearch")
    return module.selective_search(image, scale=500, sigma=0.9, min_size=10)


def is_installed(name: str) -> bool:
    """Tell whether a package can be imported."""
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True


def seconds(function: Callable[[], object]) -> float:
    """Clock one call."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def clock_all(rows: dict[str, Method | None], images: list[Image], rounds: int) -> dict[str, float]:
    """Mean over the images of the fastest round of each row, interleaved."""
    installed = {name: method for name, method in rows.items() if method is not None}
    best = {name: np.full(len(images), np.inf) for name in installed}
    for _ in range(rounds):
        for i, image in enumerate(images):
            for name, method in installed.items():
                best[name][i] = min(best[name][i], seconds(partial(method, image)))
    return {name: float(values.mean()) for name, values in best.items()}


def print_comparison(rows: dict[str, Method | None], means: dict[str, float]) -> None:
    """Print one line per row, with how many times faster than OpenCV's rows it is."""
    bases = [name for name in means if name.startswith("OpenCV")]
    print(f"\n{'':26}{'ms':>9}" + "".join(f"{'x ' + base:>23}" for base in bases))
    for name in rows:
        if name not in means:
            print(f"{name:26}{'not installed':>16}")
            continue
        ratios = "".join(f"{means[base] / means[name]:23.1f}" for base in bases)
        print(f"{name:26}{1000 * means[name]:9.1f}{ratios}")


@contextmanager
def stage_clocks(spent: dict[str, float]) -> Iterator[None]:
    """Add up the seconds spent in each stage's function while the context lasts."""
    originals = [getattr(module, name) for module, name, _ in STAGES]

    def clocked(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            began = time.perf_counter()
            result = function(*arguments, **options)
            spent[name] += time.perf_counter() - began
            return result

        return call

    for (module, name, _), function in zip(STAGES, originals, strict=True):
        setattr(module, name, clocked(name, function))
    yield
    for (module, name, _), function in zip(STAGES, originals, strict=True):
        setattr(module, name, function)


def print_stages(images: list[Image], rounds: int) -> None:
    """Print where the doubled preset spends its time on one thread."""
    best: dict[str, list[float]] = {name: [np.inf] * len(images) for _, name, _ in STAGES}
    for _ in range(rounds):
        for i, image in enumerate(images):
            spent: dict[str, float] = defaultdict(float)
            with stage_clocks(spent):
                selective_search(image, "fast", 2.0, threads=1)
            for name, values in best.items():
                values[i] = min(values[i], spent[name])
    # Eight neighbours, each edge counted once, in two colour spaces.
    edges = float(np.mean([2 * 4 * image.shape[0] * image.shape[1] for image in images]))
    print(f"\n{'stage, fast 2, 1 thread':26}{'ms':>9}{'ns/edge':>9}  bound by")
    for _, name, reason in STAGES:
        mean = float(np.mean(best[name]))
        print(f"{name.strip('_'):26}{1000 * mean:9.2f}{1e9 * mean / edges:9.2f}  {reason}")


def print_processes(photograph: Path) -> None:
    """Print what only a fresh process shows: compiling, starting, a photograph enlarged."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
        print(f"\n{'first use, empty cache':26}{run_python(START, environment)[0]:9.1f} s")
        started = min(run_python(START, environment)[0] for _ in range(5))
        print(f"{'start, full cache':26}{started:9.2f} s after the interpreter's own")
        runs = [run_python(LARGE, environment, str(photograph)) for _ in range(5)]
        taken = sorted(seconds for seconds, _ in runs)
        peak = max(peak for _, peak in runs)
        print(f"{'4000 x 3000, fast':26}{taken[2]:9.1f} s (median of 5, {taken[0]:.1f} to "
              f"{taken[-1]:.1f}), peak {peak:.0f} MB")  # fmt: skip


def run_python(code: str, environment: dict[str, str], *arguments: str) -> list[float]:
    """Run a script in a process of its own; the numbers of its last line."""
    root = Path(__file__).parent.parent
    output = subprocess.run(
        [sys.executable, "-c", code, *arguments], env=environment, cwd=root, text=True, check=True,
        stdout=subprocess.PIPE,
    ).stdout  # fmt: skip
    return [float(number) for number in output.split()]


if __name__ == "__main__":
    main()
