"""Seconds and memory of a COCO evaluation: ours, pycocotools' and its fast replacements'.

    python benchmarks/evaluator.py [--problem coco] [--problem segm] [--rounds 3] [--json FILE]

From two JSON files to the twelve figures, each run in a process of its own; rounds go through
the tools in turn, the fastest round counts. pycocotools runs once on all but the tiny problem.
Without --problem, coco, ilsvrc and segm (200,000 masks on 5,000 images) are run. Tools that are
not installed are named and left out. At the end, `detect evaluate` is started from a shell.
Problems are made up (see evaluator_problems.py) and kept in --folder: coco has 500,000
detections on 5,000 images (44 MB), ilsvrc 2,000,000 on 20,121, huge 10,000,000 on 40,000; huge
is run by the tools named in --tools, or ours alone. The peers are on PyPI under the names shown;
--python names an interpreter that has them. Run it on a quiet machine. `--files TRUTHS
DETECTIONS` takes COCO files of your own instead.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from evaluator_problems import SIZES, Problem, default_folder, find_or_make
from evaluator_tools import TOOLS

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = "pycocotools"
# The variable that sets a tool's number of threads; the others have none (faster-coco-eval starts
# threads of its own for part of the work).
THREADS = {
    "ours": "OMP_NUM_THREADS",
    "hotcoco": "RAYON_NUM_THREADS",
    "ultrafast-pycocotools": "RAYON_NUM_THREADS",
    "vernier": "VERNIER_THREADS",  # read by evaluator_tools
}
DEFAULT = ["coco", "ilsvrc", "segm"]

Run = dict[str, Any]


def main() -> None:
    """Read the arguments, make the problems, run the rounds, print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument(
        "--problem", action="append", choices=list(SIZES), help=f"default: {' '.join(DEFAULT)}"
    )
    parser.add_argument("--files", type=Path, nargs=2, metavar="JSON", help="or your own")
    parser.add_argument("--tools", nargs="+", choices=list(TOOLS), help="default: all")
    parser.add_argument("--rounds", type=int, default=3, help="the fastest round counts (3)")
    parser.add_argument("--threads", type=int, help="threads of tools that can be limited")
    parser.add_argument("--folder", type=Path, default=default_folder(), help="for the problems")
    parser.add_argument("--python", default=sys.executable, help="interpreter for the tools")
    parser.add_argument("--json", type=Path, help="write every figure of every round here")
    arguments = parser.parse_args()

    print(f"{processor()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    problems = []
    for name in arguments.problem or ([] if arguments.files else DEFAULT):
        try:
            problems.append(find_or_make(name, arguments.folder))
        except ImportError as error:
            print(f"{name}: left out, its masks cannot be made: {error}")
    if arguments.files:
        problems.append(Problem("files", *(path.resolve() for path in arguments.files)))
    with tempfile.TemporaryDirectory() as compiled:
        runner = Runner(arguments.python, arguments.threads, Path(compiled))
        starts = first_starts(runner, arguments)
        results = {}
        for problem in problems:
            results[problem.name] = clock_all(runner, problem, arguments)
            print_table(problem, results[problem.name])
            if arguments.json:
                settings = {"processors": os.cpu_count(), "machine": platform.platform()}
                settings["processor"] = processor()
                settings |= {"threads": arguments.threads, "python": platform.python_version()}
                document = {"settings": settings, "first starts": starts, "problems": results}
                arguments.json.write_text(json.dumps(document, indent=1) + "\n")
    print_starts(starts)
    print_shell_start(arguments)


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def with_bytecode() -> dict[str, str]:
    """This process's environment, in which Python keeps bytecode, as for installed packages."""
    return {key: text for key, text in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


class Runner:
    """Starts tools in fresh processes."""

    def __init__(self, python: str, threads: int | None, compiled: Path) -> None:
        self.python, self.threads, self.compiled = python, threads, compiled

    def __call__(self, tool: str, problem: Problem) -> Run:
        """The figures of one run; {"missing": ...} or {"failed": ...} where there are none."""
        command = [self.python, "-m", "benchmarks.evaluator_tools", tool]
        command += [str(problem.truths), str(problem.detections)]
        command.append("segm" if problem.size.masks else "bbox")
        began = time.perf_counter()
        done = subprocess.run(
            command, cwd=ROOT, env=self.environment(tool), text=True, capture_output=True
        )
        taken = time.perf_counter() - began
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or [""])[-1]
            return {"failed": f"ended with {done.returncode} {reason}".strip()}
        return {**json.loads(done.stdout.splitlines()[-1]), "process": taken}

    def environment(self, tool: str) -> dict[str, str]:
        """Our compiled kernels go to an empty folder, so that the first start compiles."""
        environment = {**with_bytecode(), "NUMBA_CACHE_DIR": str(self.compiled)}
        if self.threads is not None and tool in THREADS:
            environment[THREADS[tool]] = str(self.threads)
        return environment


def first_starts(runner: Runner, arguments: argparse.Namespace) -> dict[str, list[Run]]:
    """Two starts of each tool on the tiny problem: ours compiles, all get into the file cache."""
    tiny = find_or_make("tiny", arguments.folder)
    return {tool: [runner(tool, tiny) for _ in range(2)] for tool in arguments.tools or TOOLS}


def tools_for(problem: Problem, named: list[str] | None) -> list[str]:
    """The tools to run on a problem."""
    return named or (["ours"] if problem.name == "huge" else list(TOOLS))


def clock_all(
    runner: Runner, problem: Problem, arguments: argparse.Namespace
) -> dict[str, list[Run]]:
    """The runs of each tool, interleaved."""
    for path in (problem.truths, problem.detections):  # into the file cache, for the first tool
        with path.open("rb") as file:
            while file.read(1 << 24):
                pass
    runs: dict[str, list[Run]] = {tool: [] for tool in tools_for(problem, arguments.tools)}
    for round_ in range(arguments.rounds):
        for tool, done in runs.items():
            once = tool == REFERENCE and problem.name != "tiny"
            hopeless = any("total" not in run for run in done)
            if round_ == 0 or not (once or hopeless):
                done.append(runner(tool, problem))
    return runs


def print_table(problem: Problem, runs: dict[str, list[Run]]) -> None:
    """Print one line per tool; ratios are of the fastest totals."""
    size, megabytes = problem.size, problem.detections.stat().st_size / 1e6
    print(f"\n{problem.name}: {size.detections:,} detections ({megabytes:.0f} MB), {size.objects:,}"
          f" objects, {size.images:,} images, {size.classes} classes")  # fmt: skip
    print(f"{'':23}{'version':>9}{'load':>8}{'evaluate':>9}{'total':>8}{'median':>8}{'CPU s':>8}"
          f"{'process':>9}{'peak MB':>9}{'x ours':>8}  figures")  # fmt: skip
    best = {tool: fastest(done) for tool, done in runs.items()}
    for tool, run in best.items():
        if "total" not in run:
            print(f"{tool:23}  {'not installed' if 'missing' in run else run['failed']}")
            continue
        totals = [one["total"] for one in runs[tool]]
        base = best.get("ours", {}).get("total")
        ratio = f"{run['total'] / base:8.3g}" if base else f"{'-':>8}"
        peak = max(one["peak"] for one in runs[tool])
        print(f"{tool:23}{run['version']:>9}{run['load']:8.2f}{run['evaluate']:9.2f}"
              f"{run['total']:8.2f}{statistics.median(totals):8.2f}{run['cpu']:8.2f}"
              f"{run['process']:9.2f}{peak:9.0f}{ratio}  "
              f"{likeness(run, best)}")  # fmt: skip


def fastest(runs: list[Run]) -> Run:
    """The run that counts: the fastest, or the one that went wrong."""
    return min(runs, key=lambda run: run.get("total", -1.0))


def likeness(run: Run, best: dict[str, Run]) -> str:
    """How the twelve figures compare with pycocotools', or ours where that was not run."""
    for name in (REFERENCE, "ours"):
        if "stats" in best.get(name, {}):
            break
    else:
        return "-"
    whose = "" if name == REFERENCE else " (ours)"
    if run["stats"] == best[name]["stats"]:
        return "identical" + whose
    pairs = zip(run["stats"], best[name]["stats"], strict=True)
    most = max(abs(float.fromhex(a) - float.fromhex(b)) for a, b in pairs)
    return f"differ by {most:.1e}{whose}"


def print_starts(starts: dict[str, list[Run]]) -> None:
    """Print what the interpreter, imports and a tiny problem take."""
    print("\nprocess on the tiny problem, start to end, s")
    for tool, (first, second) in starts.items():
        if "total" in first and "total" in second:
            what = "first compile" if tool == "ours" else "first start"
            print(f"{tool:23}{second['process']:8.2f}  {what} {first['process']:.2f}")


def print_shell_start(arguments: argparse.Namespace) -> None:
    """Print what a small evaluation takes from a shell, and whether it loads torch."""
    tiny = find_or_make("tiny", arguments.folder)
    command = [sys.executable, "-X", "importtime", "-m", "detector.cli", "evaluate"]
    command += ["--data", str(tiny.truths), "--detections", str(tiny.detections)]
    command += ["--protocol", "coco"]
    environment = with_bytecode()
    loaded = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True)
    if loaded.returncode:
        print(f"detect evaluate: ended with {loaded.returncode} {loaded.stderr.splitlines()[-1]}")
        return
    modules = {line.rpartition("|")[2].strip() for line in loaded.stderr.splitlines()}
    taken = []
    for _ in range(max(arguments.rounds, 3)):
        began = time.perf_counter()
        subprocess.run([command[0], *command[3:]], cwd=ROOT, env=environment, capture_output=True)
        taken.append(time.perf_counter() - began)
    torch = "torch is loaded" if "torch" in modules else "torch is not loaded"
    print(
        f"{'detect evaluate':23}{min(taken):8.2f}  median {statistics.median(taken):.2f}, {torch}"
    )


if __name__ == "__main__":
    main()
