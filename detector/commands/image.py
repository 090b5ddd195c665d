"""`detect PICTURE ...`: pictures with boxes, and one detections.json."""

from __future__ import annotations

import argparse
import importlib
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detector.commands.chosen_detector import load_detector, own_proposals, use_search_mode
from detector.commands.options import MODES, add_detector, count, fraction
from detector.console import FAILED, notify_failure, track
from detector.errors import DetectorError
from detector.extras import require
from detector.files.names import printable, unicode_name
from detector.files.whole_files import check_writable, write_file

if TYPE_CHECKING:
    from detector.pipeline import Detector
    from detector.results import Detections

HELP = "draw boxes around the objects in photographs (the default command)"
DEFAULT_OUTPUT = Path("detections")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `detect image`."""
    add = parser.add_argument
    add("pictures", nargs="+", metavar="PICTURE", help="files, folders or quoted glob patterns")
    add(
        "-o", "--output", type=Path, metavar="DIR",
        help="folder for drawn pictures and detections.json (default: detections)",
    )  # fmt: skip
    add(
        "--json", metavar="FILE",
        help="write the JSON here; '-' is standard output and draws no pictures unless --output "
        "is given",
    )  # fmt: skip
    add(
        "--threshold", type=fraction, metavar="SCORE",
        help="lowest score to show, 0 to 1 (default: the recipe's; 0.4 in those that ship)",
    )  # fmt: skip
    add(
        "--max-detections", type=count, metavar="N",
        help="show at most N objects per picture (default: 100)",
    )  # fmt: skip
    add(
        "--proposals", metavar="MODE|FILE",
        help=f"use selective search without MultiBox, in mode {', '.join(MODES[:-1])} or "
        f"{MODES[-1]}; or your own boxes from a JSON file, "
        '{"street.jpg": [[x1, y1, x2, y2], ...]}, or from the proposals.jsonl of `detect propose`',
    )  # fmt: skip
    add_detector(parser)


def run(arguments: argparse.Namespace) -> int:
    """Detect in every picture; a picture that fails is reported and the others go on."""
    from detector.pictures.finding import find_images, leave_out_drawn

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
    require("detect", "detecting objects")
    importlib.import_module("detector.pipeline")  # torch takes most of the start
    imported = time.perf_counter()
    detector = load_detector(
        arguments.recipe, arguments.weights, arguments.device, arguments.settings
    )
    if arguments.proposals in MODES:
        use_search_mode(detector, arguments.proposals, alone=True)
    loaded = time.perf_counter()
    _load_kernels(with_search=arguments.proposals is None or arguments.proposals in MODES)
    ready = time.perf_counter()
    failed = _detect(
        detector, paths, proposals, output, arguments.threshold, arguments.max_detections
    )
    done = time.perf_counter()
    print(
        f"{len(output.images)} of {len(paths)} pictures, {len(output.annotations)} objects; "
        f"imports {imported - started:.1f} s, weights {loaded - imported:.1f} s, "
        f"kernels {ready - loaded:.1f} s, {(done - ready) / len(paths):.1f} s per picture",
        file=sys.stderr,
    )
    return FAILED if failed else 0


def _load_kernels(*, with_search: bool) -> None:
    """Compile kernels, the first time on a machine, before any picture is timed."""
    from detector.networks.operators.compiled import load_kernels

    load_kernels()
    if with_search:
        from proposals.search.strategies import warm_up

        warm_up()


def _detect(
    detector: Detector,
    paths: Sequence[Path],
    proposals: Callable[[Path], Any],
    output: Output,
    threshold: float | None,
    max_detections: int | None,
) -> int:
    """Detect in every picture and write the output, also if interrupted; how many failed."""
    from proposals import ProposalError

    if output.folder is not None:
        output.folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    try:
        for path in track(paths, "detecting", len(paths)):
            try:
                detections = detector(
                    path,
                    proposals=proposals(path),
                    threshold=threshold,
                    max_detections=max_detections,
                )
                drawn = output.add(path, detections)
            except (DetectorError, ProposalError) as error:
                failed += 1
                notify_failure(printable(path), error)
                continue
            where = f" -> {printable(drawn)}" if drawn else ""
            print(f"{printable(path)}: {detections!r}{where}", file=sys.stderr)
    finally:
        # A run without results keeps the file of an earlier run; a pipe always gets its JSON.
        if output.images or output.json == "-":
            output.write_json(detector.info.category_ids, detector.info.class_names)
    return failed


@dataclass
class Output:
    """Drawn pictures, and the detections so far, which `write_json` writes at the end.

    Attributes
    ----------
    folder
        Where pictures are drawn; None draws none.
    json
        Path of the JSON; "-" is standard output.
    images, annotations
        Records of COCO.
    taken
        Names of the pictures drawn so far, without suffix.
    """

    folder: Path | None
    json: str
    images: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def add(self, path: Path, detections: Detections) -> Path | None:
        """Draw one picture, then add its detections; returns the path of the drawing."""
        drawn = self._draw(path, detections)  # first: it may fail, and is not counted then
        image_id = len(self.images) + 1
        height, width = detections.image_size
        self.images.append(
            {"id": image_id, "file_name": unicode_name(path), "height": height, "width": width}
        )
        for row in detections.to_coco(image_id):
            area = round(row["bbox"][2] * row["bbox"][3], 3)
            identity = len(self.annotations) + 1  # from 1: in pycocotools 0 means no match
            self.annotations.append({"id": identity, **row, "area": area, "iscrowd": 0})
        return drawn

    def _draw(self, path: Path, detections: Detections) -> Path | None:
        from detector.pictures.writing import refuse_to_draw_over

        if self.folder is None:
            return None
        name, copy = path.stem, 1
        while name in self.taken:  # a/street.jpg and b/street.jpg
            copy += 1
            name = f"{path.stem}-{copy}"
        drawn = self.folder / f"{name}.jpg"
        refuse_to_draw_over(drawn)
        detections.save(drawn)
        self.taken.add(name)
        return drawn

    def write_json(self, category_ids: Sequence[int | str], class_names: Sequence[str]) -> None:
        """Write a COCO data set whose annotations have scores."""
        import orjson

        categories = [
            {"id": identity, "name": name}
            for identity, name in zip(category_ids, class_names, strict=True)
        ]
        content = orjson.dumps(
            {"images": self.images, "annotations": self.annotations, "categories": categories},
            option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
        )
        if self.json == "-":
            sys.stdout.buffer.write(content)
            sys.stdout.flush()
            return
        write_file(Path(self.json), content)
