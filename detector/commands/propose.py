"""`detect propose`: boxes that may hold an object, for photographs or a whole data set."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detector.commands.shared.chosen_detector import check_device, load_detector, use_search_mode
from detector.commands.shared.options import MODES, add_detector, add_part_of_data
from detector.commands.shared.values import count, existing, output_folder
from detector.console import FAILED, notify, show
from detector.errors import DetectorError, UsageError
from detector.extras import require
from detector.files.names import printable, unicode_name
from detector.files.whole_files import write_file

if TYPE_CHECKING:
    from detector.proposing.files import BoxStore, Picture
    from eval import Dataset
    from proposals import RecallReport

HELP = "find boxes that may hold an object, without classifying them"
DEFAULT_OUTPUT = Path("proposed")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `detect propose`."""
    add = parser.add_argument
    add("pictures", nargs="*", metavar="PICTURE", help="files, folders or quoted glob patterns")
    add(
        "--data", type=existing, metavar="DATA",
        help="instead of pictures, a data set: COCO JSON, or a folder in the layout of VOC, "
        "ILSVRC DET or YOLO",
    )  # fmt: skip
    add_part_of_data(parser)
    add("--limit", type=count, metavar="N", help="propose for its first N pictures only")
    add(
        "-o", "--output", type=output_folder, metavar="DIR",
        help="folder for the boxes; an interrupted run in it is continued (default: proposed)",
    )  # fmt: skip
    add(
        "--format", choices=("jsonl", "npz"), default="jsonl",
        help="one file proposals.jsonl, or boxes/NAME.npz for each picture (default: jsonl)",
    )  # fmt: skip
    add(
        "--method", choices=("merged", "selective_search", "multibox"), default="merged",
        help="source of the boxes (default: merged, the proposals that the detector classifies)",
    )  # fmt: skip
    add(
        "--mode", choices=MODES,
        help="mode of selective search, with its own size of superpixels (default: the recipe's)",
    )  # fmt: skip
    add("--max-boxes", type=count, metavar="N", help="keep the best N boxes of each picture")
    add("--draw", type=count, metavar="N", help="also draw the best N boxes, in NAME.jpg")
    add(
        "--recall", action="store_true",
        help="measure how many objects of --data the boxes cover: table, recall.json, recall.png",
    )  # fmt: skip
    add(
        "--no-cache", action="store_true",
        help="neither read nor write the proposal cache, which --method selective_search uses "
        "with --data",
    )  # fmt: skip
    add_detector(parser)


def run(arguments: argparse.Namespace) -> int:
    """Propose for every picture; a picture that fails is reported and the others go on."""
    from detector.files.digests import hash_of_data
    from detector.files.locking import locked
    from detector.proposing.methods import detector_proposer, selective_search_proposer
    from detector.proposing.run import check_pictures, find_boxes, measure_recall

    method, mode, data, draw = arguments.method, arguments.mode, arguments.data, arguments.draw
    _check_pictures_or_data(
        arguments.pictures,
        data,
        {key: getattr(arguments, key) for key in ("split", "images", "limit", "recall")},
    )
    _check_method(
        method, mode, {key: getattr(arguments, key) for key in ("weights", "device", "engine")}
    )
    if method != "selective_search":
        require("detect", f"--method {method}, unlike selective_search,")
    check_device(arguments.device)
    output = arguments.output or DEFAULT_OUTPUT
    whole = dataset = None
    if data:
        whole = dataset = _read_dataset(data, arguments.split)
        if arguments.limit:
            dataset = whole.subset(range(min(arguments.limit, len(whole))))
        pictures = _dataset_pictures(dataset, data, arguments.images)
    else:
        pictures = _named_pictures(arguments.pictures, output if draw else None)
    if method == "selective_search":
        proposer = selective_search_proposer(
            arguments.recipe,
            arguments.settings,
            mode,
            use_cache=bool(data) and not arguments.no_cache,
            several=bool(data) or len(arguments.pictures) > 1,
        )
    else:
        detector = load_detector(
            arguments.recipe, arguments.weights, arguments.device, arguments.settings,
            arguments.engine,
        )  # fmt: skip
        if mode:
            use_search_mode(detector, mode, alone=False)
        proposer = detector_proposer(detector, method)
    settings = {
        **proposer.settings,
        "max_boxes": arguments.max_boxes,
        # of the whole data set: a run may continue with another --limit
        "data": hash_of_data(whole) if whole is not None else None,
    }
    with locked(output):
        _start_folder(output, settings)
        store = _open_store(output, arguments.format)
        pictures = _with_stems(pictures, store)
        check_pictures(pictures, store)
        failed = find_boxes(pictures, proposer, store, output, arguments.max_boxes, draw)
        if arguments.recall and dataset is not None:
            report = measure_recall(dataset, pictures, store)
            report.save_json(output / "recall.json")
            show(report.table())
            _plot(report, output / "recall.png")
    return FAILED if failed else 0


def _plot(report: RecallReport, path: Path) -> None:
    """Draw the recall, unless matplotlib is not installed."""
    from proposals import ProposalError

    try:
        report.plot(path)
    except ProposalError as error:
        notify(f"no {path.name}: {error}")


def _check_pictures_or_data(
    pictures: Sequence[str], data: Path | None, of_data: dict[str, Any]
) -> None:
    """Refuse pictures beside a data set, and options of a data set without one."""
    if bool(pictures) == bool(data):
        raise UsageError("propose: name either pictures or --data DATA")
    for option, value in of_data.items():
        if value and not data:
            raise UsageError(f"--{option}: applies to a data set; give --data DATA")


def _check_method(method: str, mode: str | None, of_detector: dict[str, Any]) -> None:
    """Refuse options that the method would ignore."""
    for option, value in of_detector.items():
        if value and method == "selective_search":
            raise UsageError(
                f"--{option}: does not apply to --method selective_search; leave it out"
            )
    if method == "multibox" and mode:
        raise UsageError("--mode: does not apply to --method multibox; leave it out")


def _read_dataset(data: Path, split: str | None) -> Dataset:
    from eval import read_dataset

    return read_dataset(data, **({"split": split} if split else {}))


def _dataset_pictures(dataset: Dataset, data: Path, images: Path | None) -> list[Picture]:
    """The pictures of a data set read from `data`, in the folder `images` if it is given."""
    from detector.pictures.dataset_folder import (
        check_image_folder,
        find_image_folder,
        stated_size,
    )
    from detector.proposing.files import Picture

    folder = check_image_folder(images, dataset) if images else find_image_folder(data, dataset)
    return [
        Picture(folder / record.file_name, record.file_name, record.id, stated_size(record))
        for record in dataset.images
    ]


def _named_pictures(patterns: Sequence[str], drawn: Path | None) -> list[Picture]:
    """The pictures that the command line names; `drawn` is the folder of drawings, if any."""
    from detector.pictures.finding import find_photographs, refuse_missing, skipped_note
    from detector.pictures.writing import refuse_to_lose_pictures
    from detector.proposing.files import Picture

    paths, skipped = find_photographs(patterns)
    refuse_missing(paths)
    if skipped:
        notify(skipped_note(skipped))
    if drawn is not None:
        refuse_to_lose_pictures((drawn / f"{path.stem}.jpg" for path in paths), paths)
    return [Picture(path, unicode_name(path)) for path in paths]


def _start_folder(output: Path, settings: dict[str, Any]) -> None:
    """Write the settings, or raise DetectorError if a run with other settings is there."""
    path = output / "settings.json"
    settings = json.loads(json.dumps(settings))
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        write_file(path, (json.dumps(settings, indent=2) + "\n").encode())
        return
    except ValueError:
        before = {}
    changed = [key for key in settings if not before or before.get(key) != settings[key]]
    if changed:
        raise DetectorError(
            f"{printable(path)}: the boxes there were made with other settings "
            f"({', '.join(changed)}); give another --output"
        )


def _open_store(output: Path, form: str) -> BoxStore:
    from detector.proposing.files import JsonLines, NpzFolder

    return NpzFolder(output / "boxes") if form == "npz" else JsonLines(output / "proposals.jsonl")


def _with_stems(pictures: Sequence[Picture], store: BoxStore) -> list[Picture]:
    """The pictures with the names of their own files, the same ones as in earlier runs."""
    from detector.proposing.files import unique_stems

    stems = unique_stems((picture.file_name for picture in pictures), store.stems)
    return [picture._replace(stem=stems[picture.file_name]) for picture in pictures]
