"""`detect evaluate`: run the detector over a data set, or read results, and measure mAP."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detector.commands.chosen_detector import (
    check_device,
    load_detector,
    name_of_weights,
    use_search_mode,
)
from detector.commands.options import MODES, add_classes, add_detector, add_part_of_data, labels_of
from detector.commands.values import (
    count,
    existing,
    existing_or_pattern,
    output_file,
    output_folder,
)
from detector.console import FAILED, notify, show
from detector.errors import UsageError
from detector.extras import require
from detector.files.names import printable
from detector.files.whole_files import write_file

if TYPE_CHECKING:
    from detector.evaluation.outputs import Scored
    from detector.evaluation.run import FinishedRun
    from eval import Dataset

HELP = "measure mAP on a data set"
DEFAULT_OUTPUT = Path("evaluations")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `detect evaluate`."""
    add = parser.add_argument
    add(
        "--data", type=existing, required=True, metavar="DATA",
        help="ground truth: COCO JSON, also .gz; or the folder of a VOC, ILSVRC DET or YOLO data "
        "set, or its data.yaml",
    )  # fmt: skip
    add_part_of_data(parser)
    add(
        "--detections", type=existing_or_pattern, metavar="FILE", action="append",
        help="evaluate these results instead of running the detector: COCO JSON, VOC comp4 files "
        "(their folder, or a quoted pattern), ILSVRC or CSV text, all of them also .gz, or a "
        "folder of YOLO text; given twice, the second is compared with the first",
    )  # fmt: skip
    add(
        "--names", type=existing, metavar="FILE",
        help="what the class numbers of YOLO results mean: data.yaml, or a text file with one name "
        "per line (default: classes.txt beside them, or the order of the ground truth)",
    )  # fmt: skip
    add(
        "--voc-corners", choices=("inclusive", "continuous"),
        help="how VOC XML counts: whole pixels from 1, the last one included, or continuously from "
        "0, as CVAT, VoTT and FiftyOne write (default: inclusive)",
    )  # fmt: skip
    add(
        "--protocol", choices=("coco", "voc", "voc2007", "ilsvrc"), default="voc",
        help="rules of the evaluation (default: voc)",
    )  # fmt: skip
    add(
        "--official", action="store_true",
        help="reproduce the protocol's official program, including its quirks",
    )  # fmt: skip
    add_classes(parser, "evaluate")
    add("--limit", type=count, metavar="N", help="evaluate the first N pictures only")
    add("--report", type=output_folder, metavar="DIR", help="write a report: HTML, JSON and CSV")
    add(
        "-o", "--output", type=output_folder, metavar="DIR",
        help="folder of the detector's results; an interrupted run in it is continued (default: "
        "evaluations/DETECTOR-DATA)",
    )  # fmt: skip
    add("--restart", action="store_true", help="discard an earlier run in --output")
    add(
        "--save", type=output_file, metavar="FILE",
        help="also write the detections here, as COCO results",
    )  # fmt: skip
    add(
        "--proposals", choices=MODES,
        help="use selective search without MultiBox, in this mode (default: the recipe's, with "
        "MultiBox)",
    )  # fmt: skip
    add_detector(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the table on standard output, and everything else on standard error."""
    from eval import read_dataset

    detector_options = {
        name: getattr(arguments, name)
        for name in ("output", "restart", "recipe", "weights", "device", "proposals")
    } | {"set": arguments.settings}
    _check_options(arguments.detections or (), detector_options, arguments.save)
    if not arguments.detections:
        if arguments.names:
            raise UsageError("--names: applies to YOLO results; give them with --detections")
        require("detect", "detect evaluate without --detections")
    check_device(arguments.device)
    data = arguments.data
    whole = read_dataset(data, **_reader_options(data, arguments.split, arguments.voc_corners))
    part = whole
    if arguments.limit:
        part = part.subset(range(min(arguments.limit, len(part))))
    if arguments.classes:
        labels = labels_of(arguments.classes, whole.class_names)
        part = part.with_classes([whole.class_names[label] for label in labels])
    task = Task(
        whole, part, arguments.protocol, arguments.official, arguments.save, arguments.report,
        arguments.names,
    )  # fmt: skip
    if arguments.detections:
        return _evaluate_files(task, arguments.detections, data, arguments.images)

    from detector.evaluation.run import run_detector
    from detector.pictures.dataset_folder import check_image_folder, find_image_folder

    if arguments.images:
        images = check_image_folder(arguments.images, part)
    else:
        images = find_image_folder(data, part)
    chosen = (arguments.proposals, *arguments.settings)
    name = _run_name(arguments.recipe, arguments.weights, chosen, data, arguments.split)
    detector = load_detector(
        arguments.recipe, arguments.weights, arguments.device, arguments.settings
    )
    if arguments.proposals:
        use_search_mode(detector, arguments.proposals, alone=True)
    output = arguments.output or DEFAULT_OUTPUT / name
    about = {"name": name, "data": str(data), "images": str(images)}
    finished = run_detector(detector, whole, part, images, output, about, restart=arguments.restart)
    return _evaluate_run(task, finished, images, name)


def _check_options(
    detections: Sequence[Path], detector_options: dict[str, Any], save: Path | None
) -> None:
    """Refuse options that exclude each other."""
    if not detections:
        return
    for option, value in detector_options.items():
        if value:
            raise UsageError(
                f"--{option}: applies to running the detector; leave it out with --detections"
            )
    if len(detections) > 2:
        raise UsageError(
            f"--detections is given {len(detections)} times; give one file, or two to compare"
        )
    if save and len(detections) > 1:
        raise UsageError("--save: writes the detections of one file; give --detections once")


def _reader_options(data: Path, split: str | None, corners: str | None) -> dict[str, str]:
    if split and data.name.lower().endswith((".json", ".json.gz")):
        raise UsageError(
            f"--split {split}: {printable(data)} is one file without parts; leave it out"
        )
    options = {"split": split, "corners": corners}
    return {name: value for name, value in options.items() if value}


def _run_name(
    recipe: str | None,
    weights: Path | None,
    chosen: Sequence[str | None],
    data: Path,
    split: str | None,
) -> str:
    """Name of a run: the detector, the options `chosen` for it, the data set and its part."""
    from detector.recipes import DEFAULT

    detector = name_of_weights(weights) if weights else Path(recipe or DEFAULT).stem
    options = [option.replace("/", "_") for option in chosen if option]
    data = data.resolve()
    dataset = data.stem if data.is_file() else data.name
    return "-".join(part for part in (detector, *options, dataset, split) if part)


@dataclass(frozen=True)
class Task:
    """One evaluation: its data, its protocol, and where the output goes."""

    whole: Dataset
    part: Dataset  # the pictures and classes of `whole` that are evaluated
    protocol: str
    official: bool
    save: Path | None  # of COCO results
    page: Path | None  # folder of the report
    names: Path | None = None  # what the class numbers of YOLO results mean

    def score(self, source: Path) -> Scored:
        """Detections of the whole data set, evaluated on its part."""
        from detector.evaluation.outputs import Scored
        from eval import evaluate, read_detections

        table = read_detections(source, self.whole, names=self.names)
        if self.part is not self.whole:
            table = table.restrict(self.whole, self.part)
        return Scored(evaluate(table, self.part, self.protocol, official=self.official), table)


def _evaluate_files(task: Task, paths: Sequence[Path], data: Path, pictures: Path | None) -> int:
    """Evaluate finished results: one file, or a second in comparison with a first."""
    from detector.evaluation.outputs import page_pictures, save_detections, write_page

    results = [task.score(path) for path in paths]
    titles = _titles(paths)
    text, other = results[0].report.table(), None
    if len(results) > 1:
        from detector.evaluation.comparison_table import compared

        text, other = compared(results, task.part, (titles[0], titles[1])), results[0]
    written = ""
    if task.page:
        images = page_pictures(pictures, data, task.part)
        title = f"{' against '.join(reversed(titles))} on {task.part.source}"
        written = write_page(
            task.page, results[-1], task.part, title=title, images=images, other=other
        )
    if task.save:
        save_detections(task.save, results[0].table, task.part)
    _print(text, written)
    return 0


def _evaluate_run(task: Task, finished: FinishedRun, images: Path, name: str) -> int:
    """Evaluate what the detector has written."""
    from detector.evaluation.object_traces import traces_of_part
    from detector.evaluation.outputs import interval_lines, save_figures, write_page

    done = len(task.part) - finished.failed
    if not done:
        notify(f"none of {len(task.part)} pictures could be read; check them and --images")
        return FAILED
    scored = task.score(finished.detections)
    report = replace(scored.report, notes=(*scored.report.notes, *finished.notes))
    scored = scored._replace(report=report)
    save_figures(finished.detections.with_name("report.json"), report)
    notify(f"detections: {printable(finished.detections)}")
    if task.save:
        write_file(task.save, finished.detections.read_bytes())
        notify(f"detections: {printable(task.save)}")
    written = ""
    if task.page:
        traces = finished.objects and traces_of_part(finished.objects, task.whole, task.part)
        written = write_page(task.page, scored, task.part, title=name, images=images, traces=traces)
    seconds, proposals, regions, _ = (total / done for total in finished.totals)
    closing = [
        *interval_lines(scored, task.part),
        f"{done:,} pictures; per picture {seconds:.2f} s, {proposals:,.0f} proposals, "
        f"{regions:,.0f} of them classified",
    ]
    _print("\n".join([report.table(), "", *closing]), written)
    return FAILED if finished.failed else 0


def _print(text: str, written: str) -> None:
    """Print the table once all files are written, for `| head` may close standard output."""
    try:
        show(text)
    finally:
        if written:
            notify(written)


def _titles(paths: Sequence[Path]) -> list[str]:
    """Names of results: their file names without suffix if these differ."""
    titles = [printable(path.stem) for path in paths]
    return titles if len(set(titles)) == len(titles) else [printable(path) for path in paths]
