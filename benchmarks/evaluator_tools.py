"""One evaluation of one problem by one tool; prints a line of JSON. For `evaluator.py`.

    python -m benchmarks.evaluator_tools TOOL TRUTHS DETECTIONS [bbox|segm]

Only the standard library is loaded before the tool itself.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import json
import math
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Load = Callable[[str, str], Any]
Evaluate = Callable[[Any], list[float]]


def ours(kind: str) -> tuple[Load, Evaluate]:
    """The results are read by `evaluate`, so they count there and not as loading.

    Masks are evaluated by eval.pycocotools, since `evaluate` is for boxes.
    """
    if kind == "segm":
        from eval.pycocotools import COCO, COCOeval

        return through_coco_api(COCO, COCOeval, kind)
    from eval import evaluate, read_dataset

    def evaluate_loaded(loaded: tuple[str, Any]) -> list[float]:
        figures = evaluate(*loaded, protocol="coco").stats.values()
        return [-1.0 if math.isnan(figure) else figure for figure in figures]

    return lambda truths, detections: (detections, read_dataset(truths)), evaluate_loaded


def pycocotools(kind: str) -> tuple[Load, Evaluate]:
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    return through_coco_api(COCO, COCOeval, kind)


def faster_coco_eval(kind: str) -> tuple[Load, Evaluate]:
    """Paths, as its README shows: it parses them with Python's json. The defaults of COCOeval
    are its fastest: nothing calculated besides, matching and accumulation in one call."""
    from faster_coco_eval import COCO, COCOeval_faster

    return through_coco_api(COCO, COCOeval_faster, kind)


def hotcoco(kind: str) -> tuple[Load, Evaluate]:
    """Paths, which its Rust reader parses; `run()` is the three calls below."""
    from hotcoco import COCO, COCOeval

    return through_coco_api(COCO, COCOeval, kind)


def ultrafast_pycocotools(kind: str) -> tuple[Load, Evaluate]:
    """Paths, which keep its records in Rust: dicts would be converted. Own name, so that the
    real pycocotools stays what it is."""
    from ultrafast_pycocotools import COCO, COCOeval

    return through_coco_api(COCO, COCOeval, kind)


def vernier(kind: str) -> tuple[Load, Evaluate]:
    """Its own interface, which it recommends and which takes the files' bytes; pycocotools'
    figures are its parity mode "strict". Threads: all processors, or VERNIER_THREADS."""
    from vernier.instance import Bbox, CocoDataset, Evaluator, Segm

    evaluator = Evaluator(iou=Segm() if kind == "segm" else Bbox(), parity_mode="strict")
    threads = int(os.environ.get("VERNIER_THREADS", os.cpu_count() or 1))

    def load(truths: str, detections: str) -> tuple[Any, bytes]:
        return CocoDataset.from_json(Path(truths).read_bytes()), Path(detections).read_bytes()

    def evaluate_loaded(loaded: tuple[Any, bytes]) -> list[float]:
        stats = evaluator.evaluate(*loaded, num_threads=threads).stats
        return [float(figure) for figure in stats[:12]]

    return load, evaluate_loaded


def through_coco_api(coco: Any, coco_eval: Any, kind: str) -> tuple[Load, Evaluate]:
    """Most peers offer pycocotools' classes and calls."""

    def load(truths: str, detections: str) -> tuple[Any, Any]:
        dataset = coco(truths)
        return dataset, dataset.loadRes(detections)

    def evaluate_loaded(loaded: tuple[Any, Any]) -> list[float]:
        evaluation = coco_eval(*loaded, kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
        return [float(figure) for figure in evaluation.stats[:12]]

    return load, evaluate_loaded


TOOLS: dict[str, Callable[[str], tuple[Load, Evaluate]]] = {
    "ours": ours,
    "pycocotools": pycocotools,
    "faster-coco-eval": faster_coco_eval,
    "hotcoco": hotcoco,
    "ultrafast-pycocotools": ultrafast_pycocotools,
    "vernier": vernier,
}


def measure(tool: str, truths: str, detections: str, kind: str = "bbox") -> dict[str, Any]:
    """Times in seconds, memory in MB, the figures as hexadecimal text."""
    with contextlib.redirect_stdout(io.StringIO()):
        began = time.perf_counter()
        try:
            load, evaluate_loaded = TOOLS[tool](kind)
        except ImportError as error:
            if tool == "ours":
                raise
            return {"missing": str(error)}
        imported, processor = time.perf_counter(), time.process_time()
        loaded = load(truths, detections)
        ready = time.perf_counter()
        stats = evaluate_loaded(loaded)
        done = time.perf_counter()
        processor = time.process_time() - processor
    package = "googlenet-rcnn" if tool == "ours" else tool
    try:
        version = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        version = "?"
    return {
        "version": version,
        "import": imported - began,
        "load": ready - imported,
        "evaluate": done - ready,
        "total": done - imported,
        "cpu": processor,
        "peak": peak_megabytes(),
        "stats": [figure.hex() for figure in stats],
    }


def peak_megabytes() -> float:
    """The most memory that this process held.

    On Linux getrusage knows no less than the program that started this one; the kernel's
    own count begins anew.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


if __name__ == "__main__":
    print("\n" + json.dumps(measure(*sys.argv[1:])))
