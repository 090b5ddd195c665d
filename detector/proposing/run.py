"""The work of `detect propose`: boxes of each picture, drawings, recall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from detector.console import notify, notify_failure, status, track
from detector.errors import DetectorError
from detector.files.digests import hash_of_picture, picture_has_changed
from detector.files.names import printable
from detector.pictures.dataset_folder import size_warning
from detector.pictures.reading import read_scaled
from detector.pictures.writing import save_picture
from detector.proposing.files import BoxStore, Picture, PictureBoxes
from detector.proposing.methods import Proposer
from eval import Dataset
from eval.wording import amount
from proposals import ProposalError, RecallMeter, RecallReport
from proposals.threads import map_in_order


class Outcome(NamedTuple):
    """The result for one picture."""

    picture: Picture
    result: PictureBoxes | None
    error: ValueError | None = None  # why there are no boxes, or no drawing


def check_pictures(pictures: Sequence[Picture], store: BoxStore) -> None:
    """Raise DetectorError if a picture has changed since its boxes were written."""
    for picture in pictures:
        if picture_has_changed(picture.path, store.digests.get(picture.file_name)):
            raise DetectorError(
                f"{printable(store.path)}: has boxes for {printable(picture.file_name)}, but that "
                "picture has changed since; give another --output"
            )


def find_boxes(
    pictures: Sequence[Picture],
    proposer: Proposer,
    store: BoxStore,
    output: Path,
    max_boxes: int | None,
    draw: int | None,
) -> int:
    """Find the boxes that `store` lacks, and draw the best `draw` of every picture.

    Returns the number of pictures that failed.
    """
    waiting = {picture for picture in pictures if picture not in store}
    to_do = [picture for picture in pictures if draw or picture in waiting]

    def work(picture: Picture) -> Outcome:
        return _find(picture, proposer, store, output, max_boxes, draw)

    before = len(pictures) - len(waiting)
    added = failed = 0
    results = map_in_order(work, to_do, min(proposer.threads, len(to_do)) or 1)
    for picture, result, error in track(results, "proposing", len(to_do)):
        if result is not None and picture in waiting:
            store.add(picture, result)
            added += 1
            if warning := size_warning(picture.path, (result.height, result.width), picture.size):
                notify(warning)
        if error is not None:
            failed += 1
            notify_failure(printable(picture.path), error)
    verb = "has" if len(pictures) == 1 else "have"
    status(
        f"{before + added} of {amount(len(pictures), 'picture')} {verb} boxes in "
        f"{printable(output)}" + (f"; {before} had them before" if before else "")
    )
    return failed


def _find(
    picture: Picture,
    proposer: Proposer,
    store: BoxStore,
    output: Path,
    max_boxes: int | None,
    draw: int | None,
) -> Outcome:
    """Boxes and drawing of one picture; if the drawing fails, the boxes are still returned."""
    try:
        read = read_scaled(picture.path)
        if picture in store:
            proposals = store.load(picture).proposals
        else:
            found = proposer.propose(read.pixels)[:max_boxes]
            proposals = read.proposals_in_photograph(found)
    except (DetectorError, ProposalError) as error:
        return Outcome(picture, None, error)
    result = PictureBoxes(*read.size, proposals, hash_of_picture(picture.path))
    if draw:
        from detector.pictures.proposal_drawing import draw_proposals

        shown = replace(proposals, boxes_xyxy=read.to_pixels(proposals.boxes_xyxy))
        drawn = draw_proposals(read.pixels, shown, draw)
        try:
            save_picture(drawn, output / f"{picture.stem}.jpg")
        except DetectorError as error:
            return Outcome(picture, result, error)
    return Outcome(picture, result)


def measure_recall(dataset: Dataset, pictures: Sequence[Picture], store: BoxStore) -> RecallReport:
    """How many objects of the data set the stored boxes cover."""
    meter = RecallMeter()
    resized = 0
    for index, picture in enumerate(pictures):
        truths = dataset.truths(index)
        if picture in store:
            result = store.load(picture)
            boxes = result.proposals.boxes_xyxy
            resized += picture.size not in (None, (result.height, result.width))
            meter.add(boxes, truths.boxes_xyxy, truths.labels, truths.ignored, truths.areas)
    report = meter.report(dataset.class_names)
    if report.images < len(pictures):
        notify(f"recall: {len(pictures) - report.images} pictures without boxes are left out")
    if resized:
        notify(
            f"recall: pictures whose size differs from the data set's: {resized}; its boxes may "
            "not fit them"
        )
    return report
