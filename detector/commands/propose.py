"""`detect propose`: boxes that may hold an object, for photographs or a whole data set."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from detector.cli import FAILED, say
from detector.commands.propose_methods import Proposer, proposer_of
from detector.errors import DetectorError
from detector.files.digests import hash_of_data, hash_of_picture, is_another_picture
from detector.files.locking import locked
from detector.files.whole_files import write_file
from detector.pictures.finding import (
    find_images,
    leave_out_drawn,
    printable,
    refuse_to_draw_over,
    save_picture,
    unicode_name,
)
from detector.pictures.sides import other_sides, sides_of
from detector.progress import track
from proposals.threads import map_in_order

if TYPE_CHECKING:
    from detector.commands.propose_files import BoxStore, Found, Picture
    from eval import Dataset
    from proposals import RecallReport

DEFAULT_OUTPUT = Path("proposed")


class Outcome(NamedTuple):
    """What became of one picture."""

    picture: Picture
    found: Found | None
    fault: ValueError | None = None  # why it has no boxes, or no drawing


def propose(arguments: Namespace) -> int:
    """`detect propose`: a failed picture is reported, the others go on."""
    from detector.commands.propose_files import JsonLines, NpzFolder, unique_stems

    _check(arguments)
    output = arguments.output or DEFAULT_OUTPUT
    whole = _dataset(arguments)
    dataset, pictures = _pictures(arguments, output, whole)
    proposer = proposer_of(arguments)
    # The whole data set: a run may go on with another --limit.
    data = {"data": hash_of_data(whole) if whole is not None else None}
    with locked(output):
        _start_folder(output, {**proposer.settings, "max_boxes": arguments.max_boxes, **data})
        is_npz = arguments.format == "npz"
        store: BoxStore
        store = NpzFolder(output / "boxes") if is_npz else JsonLines(output / "proposals.jsonl")
        stems = unique_stems((picture.file_name for picture in pictures), store.stems)
        pictures = [picture._replace(stem=stems[picture.file_name]) for picture in pictures]
        _check_pictures(pictures, store)
        failed = _fill(store, pictures, proposer, arguments, output)
        if arguments.recall and dataset is not None:
            report = _recall(dataset, pictures, store)
            report.save_json(output / "recall.json")
            report.plot(output / "recall.png")
            print(report.table())
    return FAILED if failed else 0


def _fill(
    store: BoxStore,
    pictures: Sequence[Picture],
    proposer: Proposer,
    arguments: Namespace,
    output: Path,
) -> int:
    """Find the boxes that are not in `store` yet, and draw; how many pictures failed."""
    waiting = {picture for picture in pictures if picture not in store}
    to_do = [picture for picture in pictures if arguments.draw or picture in waiting]

    def work(picture: Picture) -> Outcome:
        return _find(picture, proposer, store, arguments, output)

    there = len(pictures) - len(waiting)
    added = failed = 0
    results = map_in_order(work, to_do, min(proposer.threads, len(to_do)) or 1)
    for picture, found, fault in track(results, "proposing", len(to_do)):
        if found is not None and picture in waiting:
            store.add(picture, found)
            added += 1
            if strange := other_sides(picture.path, (found.height, found.width), picture.sides):
                say(strange)
        if fault is not None:
            failed += 1
            name, message = printable(picture.path), str(fault)
            say(message if name in message else f"{name}: {message}")
    print(
        f"{there + added} of {len(pictures)} pictures have boxes in {printable(output)}"
        + (f"; {there} had them before" if there else ""),
        file=sys.stderr,
    )
    return failed


def _check(arguments: Namespace) -> None:
    """Options that only make sense beside others."""
    if bool(arguments.pictures) == bool(arguments.data):
        raise DetectorError("propose: name either pictures or --data DATA")
    for option in ("split", "images", "limit", "recall"):
        if getattr(arguments, option) and not arguments.data:
            raise DetectorError(f"--{option} speaks of a data set; give --data DATA")
    for option in ("weights", "device"):
        if getattr(arguments, option) and arguments.method == "selective_search":
            raise DetectorError(f"--{option}: selective search knows none; leave it out")
    if arguments.method == "multibox" and arguments.proposals:
        raise DetectorError("--mode is one of selective search; leave it out with multibox")


def _dataset(arguments: Namespace) -> Dataset | None:
    """The whole data set that --data names."""
    if not arguments.data:
        return None
    from eval import read_dataset

    return read_dataset(arguments.data, **({"split": arguments.split} if arguments.split else {}))


def _pictures(
    arguments: Namespace, output: Path, dataset: Dataset | None
) -> tuple[Dataset | None, list[Picture]]:
    """What to work on, and the part of the data set that it is."""
    from detector.commands.propose_files import Picture

    if dataset is None:
        paths = find_images(arguments.pictures)
        if arguments.draw:
            paths = leave_out_drawn(paths, arguments.pictures, output)
        names = [unicode_name(path) for path in paths]
        return None, list(map(Picture, paths, names))

    from detector.pictures.dataset_folder import check_image_folder, find_image_folder

    if arguments.limit:
        dataset = dataset.subset(range(min(arguments.limit, len(dataset))))
    if arguments.images:
        folder = check_image_folder(arguments.images, dataset)
    else:
        folder = find_image_folder(arguments.data, dataset)
    names = [record.file_name for record in dataset.images]
    paths = [folder / name for name in names]
    identities = [record.id for record in dataset.images]
    sides = [sides_of(record) for record in dataset.images]
    return dataset, list(map(Picture, paths, names, identities, sides))


def _start_folder(output: Path, settings: dict[str, Any]) -> None:
    """Write the settings, or check that the run to be continued has the same ones."""
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


def _check_pictures(pictures: Sequence[Picture], store: BoxStore) -> None:
    """Raise DetectorError where boxes there were found in another picture of the same name."""
    for picture in pictures:
        if is_another_picture(picture.path, store.digests.get(picture.file_name)):
            raise DetectorError(
                f"{printable(store.path)}: its boxes for {printable(picture.file_name)} are of "
                "another picture, or of what it was before a change; give another --output"
            )


def _find(
    picture: Picture, proposer: Proposer, store: BoxStore, arguments: Namespace, output: Path
) -> Outcome:
    """Boxes of one picture, drawn if asked for; what cannot be drawn keeps its boxes."""
    from detector.commands.propose_files import Found
    from detector.pictures.reading import read_image
    from proposals import ProposalError

    try:
        image = read_image(picture.path)
        if picture in store:
            proposals = store.load(picture).proposals
        else:
            proposals = proposer.propose(image)[: arguments.max_boxes]
    except (DetectorError, ProposalError) as error:
        return Outcome(picture, None, error)
    found = Found(image.shape[0], image.shape[1], proposals, hash_of_picture(picture.path))
    if arguments.draw:
        from detector.pictures.proposal_drawing import draw_proposals

        drawn = draw_proposals(image, proposals, arguments.draw)
        try:
            refuse_to_draw_over(output / f"{picture.stem}.jpg")
            save_picture(drawn, output / f"{picture.stem}.jpg")
        except DetectorError as error:
            return Outcome(picture, found, error)
    return Outcome(picture, found)


def _recall(dataset: Dataset, pictures: Sequence[Picture], store: BoxStore) -> RecallReport:
    """What the boxes cover of the data set, as they stand in the files."""
    from proposals import RecallMeter

    meter = RecallMeter()
    strange = 0
    for index, picture in enumerate(pictures):
        truths = dataset.truths(index)
        if picture in store:
            found = store.load(picture)
            boxes = found.proposals.boxes_xyxy
            strange += picture.sides not in (None, (found.height, found.width))
            meter.add(boxes, truths.boxes_xyxy, truths.labels, truths.ignored, truths.areas)
    report = meter.report(dataset.class_names)
    if report.images < len(pictures):
        say(f"recall: {len(pictures) - report.images} pictures without boxes are left out")
    if strange:
        say(
            f"recall: {strange} pictures have not the sides their data set says; its boxes may not "
            "fit them"
        )
    return report
