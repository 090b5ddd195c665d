"""The detector over a data set: image by image into a run folder, going on where it stopped."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from detector.cli import load_detector, say
from detector.errors import DetectorError
from detector.evaluation.object_traces import object_traces
from detector.evaluation.results_folder import REMEDY, Identity, RunFolder, Totals
from detector.files.digests import (
    hash_of_data,
    hash_of_picture,
    hash_of_weights,
    is_another_picture,
)
from detector.pictures.dataset_folder import check_image_folder, find_image_folder
from detector.pictures.finding import printable
from detector.pictures.sides import other_sides, sides_of
from detector.progress import track
from detector.recipes import DEFAULT
from detector.version import __version__
from proposals import ProposalError

if TYPE_CHECKING:
    from detector.pipeline import Detector
    from detector.results import Detections
    from eval import Dataset

DEFAULT_OUTPUT = Path("evaluations")
PRESET = "evaluate"
LIBRARIES = ("torch", "numpy", "opencv-contrib-python")  # whose versions may move a last digit


class FinishedRun(NamedTuple):
    """What a run left in its folder."""

    detections: Path
    objects: Path | None  # traces; none where the data set has no objects
    images: Path
    name: str  # of the detector
    totals: Totals  # over all its pictures
    failed: int
    notes: tuple[str, ...]


def run_detector(arguments: Namespace, whole: Dataset, part: Dataset) -> FinishedRun:
    """Detect on the images of `part` that are not done yet; `whole` is the data set it is of.

    Raises
    ------
    DetectorError
        Pictures or folder cannot be used, or the data set has none of the detector's classes.
    KeyboardInterrupt
        After saying how to go on.
    """
    if arguments.images:
        images = check_image_folder(arguments.images, part)
    else:
        images = find_image_folder(arguments.data, part)
    name = run_name(arguments)
    output = arguments.output or DEFAULT_OUTPUT / name
    detector = load_detector(arguments)
    category_ids, notes = match_classes(detector.info.class_names, whole, part.class_names)
    is_traced = len(whole.all_truths) > 0
    about = {
        "name": name,
        "data": str(arguments.data),
        "images": str(images),
        "versions": {"detect": __version__} | {library: version(library) for library in LIBRARIES},
    }
    with RunFolder(
        output,
        run_settings(detector, whole),
        about,
        traced=is_traced,
        restart=arguments.restart,
    ) as folder:
        _check_pictures(folder, part, images)
        waiting = [index for index, image in enumerate(part.images) if image.id not in folder]
        if len(folder) and waiting and folder.about.get("versions") != about["versions"]:
            say(f"{printable(output)}: begun with other versions (run.json); digits may differ")
        work = partial(_detect_image, detector, part, images, category_ids, folder)
        try:
            done = len(part) - len(waiting)
            failed = sum(not work(i) for i in track(waiting, "detecting", len(part), done))
        except KeyboardInterrupt:
            say(
                f"{len(folder)} pictures are kept in {printable(output)}; the same command goes "
                "on from there"
            )
            raise
        path, totals = folder.write_results(image.id for image in part.images)
    if failed:
        notes += (f"pictures that could not be read: {failed}; their objects count as missed",)
    if totals.other_sides:
        notes += (
            f"pictures that have not the sides their data set says: {totals.other_sides:.0f}; "
            "its boxes may not fit them",
        )
    objects = folder.objects if is_traced else None
    return FinishedRun(path, objects, images, name, totals, failed, notes)


def run_name(arguments: Namespace) -> str:
    """What a run is called: its detector, what was chosen otherwise, its data set."""
    weights, data = arguments.weights, arguments.data.resolve()
    detector = Path(arguments.recipe or DEFAULT).stem
    if weights:
        is_run = weights.is_dir() or weights.name == "weights.safetensors"
        folder = weights if weights.is_dir() else weights.resolve().parent
        detector = folder.resolve().name if is_run else weights.stem
    dataset = data.stem if data.is_file() else data.name
    settings = [setting.replace("/", "_") for setting in arguments.settings]
    parts = [detector, arguments.proposals, *settings, dataset, arguments.split]
    return "-".join(part for part in parts if part)


def run_settings(detector: Detector, dataset: Dataset) -> dict[str, Any]:
    """All that decides what the detector finds, by name: a run is continued with the same only."""
    recipe = detector.recipe
    sections = {
        "proposals": asdict(recipe.proposals),
        "network": asdict(recipe.network),
        "postprocess": asdict(recipe.postprocess),
        "multibox": {"boxes": recipe.multibox.boxes if detector.multibox else 0},
    }
    return {
        "weights": hash_of_weights(detector),
        "data": hash_of_data(dataset),
        "preset": PRESET,
        "device": detector.device.type,
        **{
            f"{s}.{key}": value for s, options in sections.items() for key, value in options.items()
        },
    }


def match_classes(
    names: tuple[str, ...], dataset: Dataset, judged: tuple[str, ...]
) -> tuple[dict[int, Identity], tuple[str, ...]]:
    """The data set's category id of each label of the detector, found by name; and notes.

    `judged` are the classes of the data set that will be looked at.

    Raises
    ------
    DetectorError
        No class is known to both.
    """
    by_name = dict(zip(dataset.class_names, dataset.category_ids, strict=True))
    known = {label: by_name[name] for label, name in enumerate(names) if name in by_name}
    if not known:
        raise DetectorError(
            f"{dataset.source}: has none of the detector's classes ({_list(names)}) but "
            f"{_list(dataset.class_names)}; give --weights of a detector trained for them"
        )
    strange = [name for name in judged if name not in names]
    absent = [name for name in names if name not in by_name]
    notes = []
    if strange:
        notes.append(f"the detector does not know {_list(strange)}: all their objects are missed")
    if absent:
        notes.append(f"the data set lacks {_list(absent)}: what is found of them is left out")
    return known, tuple(notes)


def _check_pictures(folder: RunFolder, part: Dataset, images: Path) -> None:
    """Raise DetectorError where results there were found in another picture of the same name."""
    paths = {image.id: images / image.file_name for image in part.images}
    for line in folder.lines(paths):
        path = paths[line["image_id"]]
        if is_another_picture(path, line.get("sha256")):
            raise DetectorError(
                f"{printable(folder.folder)}: its results for {printable(path)} are of another "
                f"picture, or of what it was before a change; {REMEDY}"
            )


def _detect_image(
    detector: Detector,
    part: Dataset,
    images: Path,
    category_ids: dict[int, Identity],
    folder: RunFolder,
    index: int,
) -> bool:
    """Detect in one picture and keep what was found; whether it could be read."""
    record, truths = part.images[index], part.truths(index)
    started = time.perf_counter()
    try:
        found, trace = detector.trace(images / record.file_name, preset=PRESET)
    except (DetectorError, ProposalError) as error:
        name, message = printable(images / record.file_name), str(error)
        say(message if name in message else f"{name}: {message}")
        folder.add_failure(record.id, record.file_name, message)
        return False
    seconds = time.perf_counter() - started
    names = detector.info.class_names
    label_of = {name: label for label, name in enumerate(names)}
    labels = np.array([label_of.get(name, -1) for name in part.class_names])[truths.labels]
    traces = object_traces(trace, truths.boxes_xyxy, labels)
    more: dict[str, int | str] = {
        "sha256": hash_of_picture(images / record.file_name) or "",
        "proposals": len(trace.proposals_xyxy),
        "regions": len(trace.regions_xyxy),
    }
    if fault := other_sides(images / record.file_name, found.image_size, sides_of(record)):
        say(fault)
        more["other_sides"] = 1
    folder.add(record.id, seconds, coco_results(found, record.id, category_ids), traces, more)
    return True


def coco_results(
    found: Detections, image_id: Identity, category_ids: dict[int, Identity]
) -> list[dict[str, Any]]:
    """COCO results of the classes that the data set has, under its ids."""
    pairs = zip(found.to_coco(image_id), found.labels.tolist(), strict=True)
    return [
        {**row, "category_id": category_ids[label]} for row, label in pairs if label in category_ids
    ]


def _list(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
