"""The `detect` command. Heavy modules are imported where they are used: help is instant.

photographs -> Detector (pipeline.py) -> pictures with boxes and one detections.json
"""

from __future__ import annotations

import os
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detector.arguments import parse
from detector.errors import DetectorError

if TYPE_CHECKING:
    from detector.pipeline import Detector
    from detector.results import Detections

DEFAULT_OUTPUT = Path("detections")
PROPOSAL_MODES = ("single", "fast", "quality")
FAILED, INTERRUPTED = 1, 130


def main(words: list[str] | None = None) -> int:
    """Run `detect`; returns the exit code: 0, 1 where something failed, 2 for wrong options."""
    arguments = parse(sys.argv[1:] if words is None else words)
    command = {"image": detect_images, "evaluate": evaluate, "train": train}[arguments.command]
    try:
        return command(arguments)
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # `detect --json - ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except OSError as error:
        _say(f"{error.filename or 'system'}: {error.strerror or error}; check path and rights")
        return FAILED
    except ValueError as error:
        if not _is_for_the_user(error):
            raise
        _say(str(error))
        return FAILED


@dataclass
class Output:
    """What a run has found so far; written at the end, also of an interrupted run."""

    folder: Path | None
    json: str
    images: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def add(self, path: Path, detections: Detections) -> Path | None:
        """Draw one picture into the folder, if there is one, and note its detections."""
        image_id = len(self.images) + 1
        height, width = detections.image_size
        # JSON cannot hold the stray bytes of a name that is not Unicode
        file_name = str(path).encode("utf-8", "backslashreplace").decode()
        self.images.append(
            {"id": image_id, "file_name": file_name, "height": height, "width": width}
        )
        self.annotations.extend(detections.to_coco(image_id))
        if self.folder is None:
            return None
        name, copy = path.stem, 1
        while name in self.taken:  # a/street.jpg and b/street.jpg
            copy += 1
            name = f"{path.stem}-{copy}"
        self.taken.add(name)
        drawn = self.folder / f"{name}.jpg"
        detections.save(drawn)
        return drawn

    def write_json(self, detector: Detector) -> None:
        """Write COCO results with the images and categories they speak of."""
        import orjson

        info = detector.info
        categories = [
            {"id": identity, "name": name}
            for identity, name in zip(info.category_ids, info.class_names, strict=True)
        ]
        content = orjson.dumps(
            {"images": self.images, "annotations": self.annotations, "categories": categories},
            option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
        )
        if self.json == "-":
            sys.stdout.buffer.write(content)
            sys.stdout.flush()
            return
        _write(Path(self.json), content)


def detect_images(arguments: Namespace) -> int:
    """`detect PICTURE ...`: a failed picture is reported, the others go on."""
    from detector.image_files import find_images, leave_out_drawn, printable

    started = time.perf_counter()
    paths = find_images(arguments.pictures)
    folder = arguments.output
    if folder is None and arguments.json != "-":
        folder = DEFAULT_OUTPUT
    if folder is not None:
        paths = leave_out_drawn(paths, arguments.pictures, folder)
    output = Output(folder, arguments.json or str(folder / "detections.json"))
    if Path(output.json).is_dir():
        raise DetectorError(f"--json {output.json}: a folder; name a file in it")
    proposals = own_proposals(arguments.proposals)
    detector, loaded = load_detector(arguments), time.perf_counter()
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)

    failed = 0
    try:
        for path in progress(paths):
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
                _say(message if name in message else f"{name}: {message}")
                continue
            where = f" -> {printable(drawn)}" if drawn else ""
            _print_line(f"{printable(path)}: {detections!r}{where}")
    finally:
        output.write_json(detector)
    done = time.perf_counter()
    _print_line(
        f"{len(output.images)} of {len(paths)} pictures, {len(output.annotations)} objects; "
        f"{loaded - started:.1f} s to start, {(done - loaded) / len(paths):.1f} s per picture"
    )
    return FAILED if failed else 0


def load_detector(arguments: Namespace) -> Detector:
    """The detector that --recipe, --weights, --device and --proposals ask for."""
    from detector.pipeline import DEFAULT, Detector

    if arguments.weights and not arguments.weights.exists():
        raise DetectorError(
            f"--weights {arguments.weights}: no such file or run folder; check the path"
        )
    detector = Detector.load(
        arguments.recipe or arguments.weights or DEFAULT,
        weights=arguments.weights,
        device=arguments.device,
    )
    mode = getattr(arguments, "proposals", None)
    if mode in PROPOSAL_MODES:
        options = replace(detector.recipe.proposals, mode=mode)
        detector.recipe = replace(detector.recipe, proposals=options)
    return detector


def own_proposals(word: str | None) -> Callable[[Path], Any]:
    """Look-up from picture to the user's boxes, where --proposals names a file of them."""
    if word is None or word in PROPOSAL_MODES:
        return lambda path: None
    import orjson

    try:
        table = orjson.loads(Path(word).read_bytes())
    except FileNotFoundError:
        modes = ", ".join(PROPOSAL_MODES)
        raise DetectorError(
            f"--proposals {word}: neither a mode ({modes}) nor a file; check the name"
        ) from None
    except orjson.JSONDecodeError as error:
        raise DetectorError(f"{word}: not JSON ({error}); write it again") from None

    def boxes(path: Path) -> Any:
        for key in (str(path), path.name):
            if isinstance(table, dict) and key in table:
                return table[key]
        raise DetectorError(f"{word}: no boxes for {path.name}; add its name as a key")

    return boxes


def evaluate(arguments: Namespace) -> int:
    """`detect evaluate`: run the detector over a data set, or take results, and print mAP."""
    from detector.image_files import printable
    from eval import evaluate as judge
    from eval import read_dataset

    if arguments.limit and arguments.detections:
        raise DetectorError(
            "--limit says how many pictures the detector runs on; leave it out with --detections"
        )
    dataset = read_dataset(arguments.data)
    if arguments.limit:
        dataset = dataset.subset(range(min(arguments.limit, len(dataset))))
    if arguments.detections:
        print(judge(arguments.detections, dataset, arguments.protocol).table())
        return 0

    import orjson

    from detector.train import find_image_folder

    folder = arguments.images or find_image_folder(arguments.data, dataset)
    detector = load_detector(arguments)
    category_ids = match_categories(detector, dataset.class_names, dataset.category_ids)
    detector.info = replace(detector.info, category_ids=category_ids)
    rows: list[dict[str, Any]] = []
    started = time.perf_counter()
    for record in progress(dataset.images):
        found = detector(folder / record.file_name, preset="evaluate")
        rows.extend(found.to_coco(record.id))
    seconds = (time.perf_counter() - started) / max(1, len(dataset))
    if arguments.save:
        _write(arguments.save, orjson.dumps(rows))
        _say(f"detections: {printable(arguments.save)}")
    print(judge(rows, dataset, arguments.protocol).table())
    print(f"\n{len(dataset)} pictures, {seconds:.2f} s per picture")
    return 0


def match_categories(
    detector: Detector, names: tuple[str, ...], identities: tuple[int, ...]
) -> tuple[int, ...]:
    """The data set's category ids for the detector's classes, found by name."""
    by_name = dict(zip(names, identities, strict=True))
    missing = [name for name in detector.info.class_names if name not in by_name]
    if missing:
        raise DetectorError(
            f"the data set lacks the detector's classes {', '.join(missing)}; "
            "evaluate on the classes it was trained for"
        )
    return tuple(by_name[name] for name in detector.info.class_names)


def train(arguments: Namespace) -> int:
    """`detect train`: from boxes to a run folder with weights."""
    from configs import load_recipe, recipe_from_dict
    from detector.train import train as run

    content = load_recipe(arguments.recipe).to_dict()
    for key in ("epochs", "seed"):
        if getattr(arguments, key) is not None:
            content["training"][key] = getattr(arguments, key)
    recipe = recipe_from_dict(content, where="options")
    output = arguments.output or Path("runs") / f"{recipe.name}-{arguments.data.stem}"
    run(arguments.data, output, recipe, images=arguments.images, device=arguments.device)
    return 0


def progress(items: Any) -> Iterator[Any]:
    """Iterate, with a progress bar on the terminal where there is more than one item."""
    if len(items) < 2:
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, description="detecting", console=Console(stderr=True))


def _is_for_the_user(error: ValueError) -> bool:
    from configs import RecipeError
    from eval import EvaluationError
    from proposals import ProposalError

    return isinstance(error, DetectorError | RecipeError | EvaluationError | ProposalError)


def _write(target: Path, content: bytes) -> None:
    """Write a whole file, and the folder it lies in, or nothing."""
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    temporary.write_bytes(content)
    temporary.replace(target)


def _say(message: str) -> None:
    print(f"detect: {message}", file=sys.stderr)


def _print_line(text: str) -> None:
    """Report on standard error, so that standard output is free for JSON."""
    print(text, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
