"""`detect PICTURE ...`: pictures with boxes, and one detections.json."""

from __future__ import annotations

import argparse
import importlib
import os
import time
from collections.abc import Sequence
from pathlib import Path

from detector.class_names import find_classes, lowest_scores
from detector.commands.shared.chosen_detector import (
    class_names_of,
    load_detector,
    own_proposals,
    use_search_mode,
)
from detector.commands.shared.options import FORMATS, MODES, add_classes, add_detector, labels_of
from detector.commands.shared.values import (
    count,
    fraction,
    names,
    output_folder,
    output_or_dash,
    score_thresholds,
    wrong,
)
from detector.console import FAILED, notify, status
from detector.errors import DetectorError, UsageError, suggest
from detector.extras import require
from detector.files.names import printable
from detector.files.whole_files import check_writable
from detector.prediction.output import STANDARD_OUTPUT, Output
from detector.prediction.sources import find_sources
from detector.processes.settings import termination_as_interruption

HELP = "draw boxes around the objects in photographs (the default command)"
DEFAULT_OUTPUT = Path("detections")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `detect image`."""
    add = parser.add_argument
    add(
        "pictures", nargs="+", metavar="PICTURE",
        help="files, folders, quoted glob patterns, http(s) addresses, '-' for standard input, or "
        "a .txt file that lists such words, one a line",
    )  # fmt: skip
    _add_choice(parser)
    _add_output(parser)
    add(
        "--proposals", metavar="MODE|FILE",
        help=f"use selective search without MultiBox, in mode {', '.join(MODES[:-1])} or "
        f"{MODES[-1]}; or your own boxes from a JSON file, "
        '{"street.jpg": [[x1, y1, x2, y2], ...]}, an .npz file, R-CNN\'s .mat file, or the output '
        "of `detect propose`",
    )  # fmt: skip
    add_detector(parser)


def _add_choice(parser: argparse.ArgumentParser) -> None:
    """Which detections are shown."""
    add = parser.add_argument
    add(
        "--threshold", type=fraction, metavar="SCORE",
        help="lowest score to show, 0 to 1 (default: the recipe's; 0.4 in those that ship)",
    )  # fmt: skip
    add(
        "--thresholds", type=score_thresholds, metavar="FILE",
        help="lowest score of each class, from `detect evaluate --save-thresholds FILE`; "
        "--threshold is that of the classes without one",
    )  # fmt: skip
    add_classes(parser, "show")
    add(
        "--agnostic-nms", action=argparse.BooleanOptionalAction,
        help="show one class for each object: of boxes that nearly coincide, the best (default)",
    )  # fmt: skip
    add(
        "--max-detections", type=count, metavar="N",
        help="show at most N objects per picture (default: 100)",
    )  # fmt: skip
    add(
        "--max-side", type=count, metavar="N",
        help="reduce pictures whose longer side exceeds N pixels; boxes are reported in the "
        "picture's own pixels",
    )  # fmt: skip


def _add_output(parser: argparse.ArgumentParser) -> None:
    """What is written, and where."""
    add = parser.add_argument
    add(
        "-o", "--output", type=output_folder, metavar="DIR",
        help="folder for drawn pictures and detections.json (default: detections)",
    )  # fmt: skip
    add(
        "--json", type=output_or_dash, metavar="FILE",
        help="write the JSON here; '-' is standard output and draws no pictures unless --output "
        "is given",
    )  # fmt: skip
    add(
        "--save-as", type=_formats, action="extend", default=[], metavar="FORMAT,FORMAT",
        help=f"write the boxes in these formats too: {', '.join(FORMATS[:-1])} or {FORMATS[-1]}",
    )  # fmt: skip
    add(
        "--save-crops", action="store_true",
        help="cut the objects out of the pictures, into crops/CLASS/ in the output folder",
    )  # fmt: skip


def _formats(text: str) -> tuple[str, ...]:
    """Formats separated by commas."""
    chosen = names(text)
    unknown = [name for name in chosen if name not in FORMATS]
    if unknown:
        raise wrong(f"no format {unknown[0]!r}{suggest(unknown[0], FORMATS)}")
    return chosen


def run(arguments: argparse.Namespace) -> int:
    """Detect in every picture; a picture that fails is reported and the others go on."""
    from detector.pictures.finding import skipped_note

    started = time.perf_counter()
    _refuse_blank("--save-as", arguments.save_as, FORMATS, arguments.pictures)
    known: Sequence[str] = ()
    if arguments.classes or arguments.thresholds:
        known = class_names_of(arguments.recipe, arguments.weights)
    if arguments.classes:
        _refuse_blank("--classes", arguments.classes, known, arguments.pictures)
    output = _output(arguments.output, arguments.json, arguments.save_as, arguments.save_crops)
    sources, skipped = find_sources(arguments.pictures)
    output.check(sources)
    if skipped:
        notify(skipped_note(skipped))
    proposals = own_proposals(arguments.proposals)
    require("detect", "detecting objects")
    labels = labels_of(arguments.classes, known) if arguments.classes else None
    threshold = _threshold(arguments.threshold, arguments.thresholds, known)
    importlib.import_module("detector.pipeline")  # torch takes most of the start
    imported = time.perf_counter()
    detector = load_detector(
        arguments.recipe, arguments.weights, arguments.device, arguments.settings,
        arguments.engine,
    )  # fmt: skip
    if arguments.proposals in MODES:
        use_search_mode(detector, arguments.proposals, alone=True)
    loaded = time.perf_counter()
    _load_kernels(with_search=arguments.proposals is None or arguments.proposals in MODES)
    ready = time.perf_counter()

    from detector.prediction.run import Choice, detect_in_sources
    from eval.wording import amount

    choice = Choice(
        threshold=threshold,
        max_detections=arguments.max_detections,
        agnostic_nms=arguments.agnostic_nms,
        labels=labels,
        max_side=arguments.max_side,
    )
    with termination_as_interruption():
        failed = detect_in_sources(detector, sources, proposals, choice, output)
    done = time.perf_counter()
    images = output.document.images
    status(
        f"{len(images)} of {amount(len(sources), 'picture')}, "
        f"{amount(sum(map(len, images)), 'object')}; "
        f"imports {imported - started:.1f} s, weights {loaded - imported:.1f} s, "
        f"kernels {ready - loaded:.1f} s, {(done - ready) / len(sources):.1f} s per picture"
    )
    return FAILED if failed else 0


def _refuse_blank(
    option: str, given: Sequence[str], known: Sequence[str], pictures: Sequence[str]
) -> None:
    """Raise UsageError if a missing picture seems to be a further value: --classes person dog."""
    others = [word for word in pictures if word in known and not os.path.lexists(word)]
    if given and others:
        together = ",".join([*given, *others])
        raise UsageError(f"{option}: commas separate its values: {option} {together}")


def _threshold(
    one: float | None, by_class: tuple[Path, dict[str, float]] | None, known: Sequence[str]
) -> float | dict[str, float] | None:
    """The lowest scores that are shown; UsageError if the file names an unknown class."""
    if by_class is None:
        return one
    path, scores = by_class
    try:
        lowest_scores(scores, known, 0.0)
    except DetectorError as error:
        raise UsageError(f"--thresholds: {printable(path)}: {error}") from None
    others = {} if one is None else dict.fromkeys(known, one)
    named = {known[find_classes([name], known)[0]]: score for name, score in scores.items()}
    return {**others, **named}


def _output(folder: Path | None, json: str | None, formats: Sequence[str], crops: bool) -> Output:
    """The output that the options describe, if it can be written."""
    if folder is None and json == STANDARD_OUTPUT:
        for option, is_given in (("--save-as", formats), ("--save-crops", crops)):
            if is_given:
                raise UsageError(f"{option}: needs a folder beside --json -; give --output DIR")
    elif folder is None:
        folder = DEFAULT_OUTPUT
    formats = tuple(dict.fromkeys(formats))
    output = Output(folder, json or str(Path(folder or ".") / "detections.json"), formats, crops)
    if output.json != STANDARD_OUTPUT:
        check_writable(Path(output.json))
    return output


def _load_kernels(*, with_search: bool) -> None:
    """Compile kernels, the first time on a machine, before any picture is timed."""
    from detector.networks.operators.compiled import load_kernels

    load_kernels()
    if with_search:
        from proposals.search.strategies import warm_up

        warm_up()
