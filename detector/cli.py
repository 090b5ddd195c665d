"""The `detect` command. Heavy modules are imported where they are used: help is instant.

photographs -> Detector (pipeline.py) -> pictures with boxes and one detections.json
"""

from __future__ import annotations

import importlib
import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detector.commands.parser import MODES, parse
from detector.commands.process_settings import keep_compiled_layers, keep_freed_memory
from detector.errors import DetectorError
from detector.files.whole_files import Output, check_writable
from detector.progress import track

if TYPE_CHECKING:
    from detector.pipeline import Detector

DEFAULT_OUTPUT = Path("detections")
FAILED, INTERRUPTED = 1, 130
SETTLED = ("weights", "more_weights", "proposer", "training", "pretrain")  # before a detector runs


def main(words: list[str] | None = None) -> int:
    """Run `detect`; returns the exit code: 0, 1 where something failed, 2 for wrong options."""
    arguments = parse(sys.argv[1:] if words is None else words)
    keep_freed_memory()
    keep_compiled_layers()
    try:
        return _command(arguments.command)(arguments)
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # `detect --json - ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        say(f"{error.filename or 'system'}: {error.strerror or error}; check path and rights")
        return FAILED
    except ValueError as error:
        if not _is_for_the_user(error):
            raise
        say(str(error))
        return FAILED


def detect_images(arguments: Namespace) -> int:
    """`detect PICTURE ...`: a failed picture is reported, the others go on."""
    from detector.pictures.finding import find_images, leave_out_drawn, printable

    started = time.perf_counter()
    paths = find_images(arguments.pictures)
    folder = arguments.output
    if folder is None and arguments.json != "-":
        folder = DEFAULT_OUTPUT
    if folder is not None:
        paths = leave_out_drawn(paths, arguments.pictures, folder)
    output = Output(folder, arguments.json or str(folder / "detections.json"))
    if output.json != "-":
        check_writable(Path(output.json), "--json" if arguments.json else "")
    proposals = own_proposals(arguments.proposals)
    importlib.import_module("detector.pipeline")  # torch: most of the start
    imported = time.perf_counter()
    detector = load_detector(arguments)
    loaded = time.perf_counter()
    from detector.networks.operators.compiled import load_kernels

    load_kernels()  # compiled the first time on a machine: no picture's time
    if arguments.proposals is None or arguments.proposals in MODES:
        from proposals.search.strategies import warm_up

        warm_up()
    ready = time.perf_counter()
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)

    failed = 0
    try:
        for path in track(paths, "detecting", len(paths)):
            try:
                detections = detector(
                    path,
                    proposals=proposals(path),
                    threshold=arguments.threshold,
                    max_detections=arguments.max_detections,
                )
                drawn = output.add(path, detections)
            except ValueError as error:
                if not _is_for_the_user(error):
                    raise
                failed += 1
                name, message = printable(path), str(error)
                say(message if name in message else f"{name}: {message}")
                continue
            where = f" -> {printable(drawn)}" if drawn else ""
            print(f"{printable(path)}: {detections!r}{where}", file=sys.stderr)
    finally:
        # A run that answered nothing leaves an earlier run's file alone; a pipe gets its JSON.
        if output.images or output.json == "-":
            output.write_json(detector)
    done = time.perf_counter()
    print(
        f"{len(output.images)} of {len(paths)} pictures, {len(output.annotations)} objects; "
        f"imports {imported - started:.1f} s, weights {loaded - imported:.1f} s, "
        f"kernels {ready - loaded:.1f} s, {(done - ready) / len(paths):.1f} s per picture",
        file=sys.stderr,
    )
    return FAILED if failed else 0


def load_detector(arguments: Namespace) -> Detector:
    """The detector that --recipe, --weights, --set, --device and --proposals ask for."""
    from detector.pipeline import Detector
    from detector.recipes import DEFAULT, override

    if arguments.weights and not arguments.weights.exists():
        raise DetectorError(
            f"--weights {arguments.weights}: no such file or run folder; check the path"
        )
    detector = Detector.load(
        arguments.recipe or arguments.weights or DEFAULT,
        weights=arguments.weights,
        device=arguments.device,
    )
    if arguments.settings:
        detector.recipe = override(detector.recipe, arguments.settings)
        if arguments.command != "train":  # which may go on from weights in another mode
            _check_learned(detector, arguments.settings)
    mode = getattr(arguments, "proposals", None)
    if mode in MODES:
        from proposals.search.strategies import MODES as STRATEGIES

        scale = STRATEGIES[mode].superpixel_scale
        options = replace(detector.recipe.proposals, mode=mode, superpixel_scale=scale)
        detector.recipe = replace(detector.recipe, proposals=options)
        if arguments.command != "propose":  # which names the method in another option
            alone = replace(detector.recipe.multibox, boxes=0)
            detector.recipe = replace(detector.recipe, multibox=alone)
    return detector


def _check_learned(detector: Detector, settings: Sequence[str]) -> None:
    """Refuse a mode that was set and is not the networks' own: they read regions as they learned.

    A recipe may say another, for it may have been written for other weights. Context is theirs too.
    What made the networks, or which there are, is settled when they are loaded.
    """
    asked = detector.recipe.network.mode
    modes = sorted({member.mode for member in detector.members} - {"proposer"})
    keys = {setting.partition("=")[0] for setting in settings}
    for key in sorted(keys):
        if key.partition(".")[0] in SETTLED:
            raise DetectorError(
                f"--set {key}: changes nothing in a detector that is trained; leave it out, or "
                "write it into a recipe file"
            )
    if "network.mode" in keys and modes != [asked]:
        raise DetectorError(
            f"--set network.mode={asked}: the networks of these weights are {' and '.join(modes)}; "
            "leave it out or name other weights"
        )
    for key in sorted(keys & {"network.context", "network.padding"}):
        raise DetectorError(
            f"--set {key}: these weights learned what they see around a region; "
            "leave it out or name other weights"
        )


def own_proposals(word: str | None) -> Callable[[Path], Any]:
    """Look-up from picture to the user's boxes, where --proposals names a file of them."""
    if word is None or word in MODES:
        return lambda path: None
    import orjson

    from detector.commands.propose_files import read_lines
    from detector.given_boxes import as_boxes
    from detector.pictures.finding import printable, unicode_name

    is_lines = Path(word).suffix.lower() == ".jsonl"  # as `detect propose` writes them
    try:
        table = read_lines(Path(word)) if is_lines else orjson.loads(Path(word).read_bytes())
    except FileNotFoundError:
        modes = ", ".join(MODES)
        raise DetectorError(
            f"--proposals {word}: neither a mode ({modes}) nor a file; check the name"
        ) from None
    except orjson.JSONDecodeError as error:
        raise DetectorError(f"{word}: not JSON ({error}); write it again") from None
    if not isinstance(table, dict):
        raise DetectorError(
            f"{word}: holds no boxes by picture; "
            'write it as {"street.jpg": [[x1, y1, x2, y2], ...]}'
        )
    table = {os.path.normpath(key): value for key, value in table.items()} | table

    def boxes(path: Path) -> Any:
        name = unicode_name(path)
        for key in (name, os.path.normpath(name), unicode_name(path.name)):
            if key in table:
                return as_boxes(table[key])  # null too is refused: None would mean "find them"
        remedy = "a line with its path or name as file_name" if is_lines else "its name as a key"
        raise DetectorError(f"{word}: no boxes for {printable(path.name)}; add {remedy}")

    return boxes


def _command(name: str) -> Callable[[Namespace], int]:
    if name == "image":
        return detect_images
    if name == "cache":
        from detector.commands.cache import cache

        return cache
    if name == "check":
        from detector.commands.check import check

        return check
    if name == "propose":
        from detector.commands.propose import propose

        return propose
    if name == "pretrain":
        from detector.commands.pretrain import pretrain

        return pretrain
    if name == "classify":
        from detector.commands.classify import classify

        return classify
    if name == "train":
        from detector.commands.train import train

        return train
    from detector.commands.evaluate import evaluate

    return evaluate


def _is_for_the_user(error: ValueError) -> bool:
    from eval import EvaluationError
    from proposals import ProposalError

    return isinstance(error, DetectorError | EvaluationError | ProposalError)


def say(message: str) -> None:
    """Report a fault; like all reports on standard error, standard output is for results."""
    print(f"detect: {message}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
