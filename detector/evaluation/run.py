"""The detector over a data set, picture by picture into a folder; an interrupted run continues."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from detector.console import notify, notify_failure, track
from detector.errors import DetectorError
from detector.evaluation.object_traces import object_traces
from detector.evaluation.results_folder import Identity, ResultsFolder, Totals
from detector.files.digests import hash_of_data, hash_of_picture, picture_has_changed
from detector.files.names import printable
from detector.files.run_file import REMEDY
from detector.pictures.dataset_folder import size_warning, stated_size
from detector.version import __version__
from eval.formats.results.class_names import labels_by_name
from proposals import ProposalError

if TYPE_CHECKING:
    from detector.pipeline import Detector
    from detector.results import Detections
    from eval import Dataset

PRESET = "evaluate"
LIBRARIES = ("torch", "numpy", "cv2")  # their versions may change last digits


class FinishedRun(NamedTuple):
    """The files and figures of a run."""

    detections: Path
    objects: Path | None  # traces of objects; None if the data set has no objects
    totals: Totals  # over all pictures
    failed: int  # unreadable pictures
    notes: tuple[str, ...]


def run_detector(
    detector: Detector,
    whole: Dataset,
    part: Dataset,
    images: Path,
    output: Path,
    about: Mapping[str, Any],
    *,
    restart: bool = False,
) -> FinishedRun:
    """Detect on the pictures of `part` that are not done yet.

    Parameters
    ----------
    whole
        The data set that `part` belongs to.
    images
        Folder of the pictures.
    output
        Folder of the run.
    about
        Names and paths for run.json, which do not influence the results.
    restart
        Discard an earlier run in `output`.

    Raises
    ------
    DetectorError
        The folder belongs to another run, or the data set has none of the detector's classes.
    KeyboardInterrupt
        Raised again after a message on how to continue.
    """
    category_ids, notes = match_classes(detector.info.class_names, whole, part.class_names)
    has_objects = len(whole.all_truths) > 0
    versions = {name: import_module(name).__version__ for name in LIBRARIES}
    versions["detect"] = __version__
    with ResultsFolder(
        output,
        run_settings(detector, whole),
        {**about, "versions": versions},
        traced=has_objects,
        restart=restart,
    ) as folder:
        _check_pictures(folder, part, images)
        waiting = [index for index, image in enumerate(part.images) if image.id not in folder]
        if len(folder) and waiting and folder.about.get("versions") != versions:
            notify(
                f"{printable(output)}: begun with other versions (run.json); last digits may differ"
            )
        work = partial(_detect_image, detector, part, images, category_ids, folder)
        try:
            done = len(part) - len(waiting)
            failed = sum(not work(i) for i in track(waiting, "detecting", len(part), done))
        except KeyboardInterrupt:
            notify(
                f"the results of {len(folder)} pictures are in {printable(output)}; the same "
                "command continues the run"
            )
            raise
        path, totals = folder.write_results(image.id for image in part.images)
    if failed:
        notes += (f"unreadable pictures: {failed}; their objects count as missed",)
    if totals.other_sides:
        notes += (
            f"pictures whose size differs from the data set's: {totals.other_sides:.0f}; "
            "its boxes may not fit them",
        )
    objects = folder.objects if has_objects else None
    return FinishedRun(path, objects, totals, failed, notes)


def run_settings(detector: Detector, dataset: Dataset) -> dict[str, Any]:
    """Everything that decides the results, by name; a run continues only with the same settings."""
    return {**detector_settings(detector), "data": hash_of_data(dataset), "preset": PRESET}


def detector_settings(detector: Detector) -> dict[str, Any]:
    """Everything about a detector that decides its results, by name."""
    recipe = detector.recipe
    sections = {
        "proposals": asdict(recipe.proposals),
        "network": asdict(recipe.network),
        "postprocess": asdict(recipe.postprocess),
        "multibox": {"boxes": recipe.multibox.boxes if detector.multibox else 0},
    }
    return {
        "weights": detector.digest(),
        "device": detector.device.type,
        "engine": detector.engine,
        **{
            f"{s}.{key}": value for s, options in sections.items() for key, value in options.items()
        },
    }


def match_classes(
    names: tuple[str, ...], dataset: Dataset, evaluated: tuple[str, ...]
) -> tuple[dict[int, Identity], tuple[str, ...]]:
    """The data set's category id for each label of the detector, matched by name; and notes.

    Names are matched as those in results: see labels_by_name.

    `evaluated` are the classes of the data set that the evaluation includes.

    Raises
    ------
    DetectorError
        Detector and data set have no class in common.
    """
    by_name, matched = labels_by_name(names, dataset.class_names)
    found = {label: by_name[name] for label, name in enumerate(names) if by_name[name] >= 0}
    known = {label: dataset.category_ids[own] for label, own in found.items()}
    if not known:
        raise DetectorError(
            f"{dataset.source}: has none of the detector's classes ({_list(names)}) but "
            f"{_list(dataset.class_names)}; give --weights of a detector trained for them"
        )
    known_names = {dataset.class_names[own] for own in found.values()}
    unknown = [name for name in evaluated if name not in known_names]
    absent = [name for name in names if by_name[name] < 0]
    notes = list(matched)
    if unknown:
        notes.append(f"the detector does not know {_list(unknown)}: all their objects are missed")
    if absent:
        notes.append(f"the data set lacks {_list(absent)}: their detections are left out")
    return known, tuple(notes)


def _check_pictures(folder: ResultsFolder, part: Dataset, images: Path) -> None:
    """Raise DetectorError if a picture has changed since its results were written."""
    paths = {image.id: images / image.file_name for image in part.images}
    for line in folder.lines(paths):
        path = paths[line["image_id"]]
        if picture_has_changed(path, line["sha256"]):
            raise DetectorError(
                f"{printable(folder.folder)}: has results for {printable(path)}, but that picture "
                f"has changed since; {REMEDY}"
            )


def _detect_image(
    detector: Detector,
    part: Dataset,
    images: Path,
    category_ids: dict[int, Identity],
    folder: ResultsFolder,
    index: int,
) -> bool:
    """Detect in one picture and write its results; False if it is unreadable."""
    record, truths = part.images[index], part.truths(index)
    path = images / record.file_name
    started = time.perf_counter()
    try:
        detections, trace = detector.trace(path, preset=PRESET)
    except (DetectorError, ProposalError) as error:
        notify_failure(printable(path), error)
        folder.add_failure(record.id, record.file_name, str(error))
        return False
    seconds = time.perf_counter() - started
    label_of = {name: label for label, name in enumerate(detector.info.class_names)}
    labels = np.array([label_of.get(name, -1) for name in part.class_names])[truths.labels]
    traces = object_traces(trace, truths.boxes_xyxy, labels)
    more: dict[str, int | str] = {
        "sha256": hash_of_picture(path) or "",
        "proposals": len(trace.proposals_xyxy),
        "regions": len(trace.regions_xyxy),
    }
    if warning := size_warning(path, detections.image_size, stated_size(record)):
        notify(warning)
        more["other_sides"] = 1
    folder.add(record.id, seconds, coco_results(detections, record.id, category_ids), traces, more)
    return True


def coco_results(
    detections: Detections, image_id: Identity, category_ids: dict[int, Identity]
) -> list[dict[str, Any]]:
    """COCO results under the data set's category ids, without classes that it lacks."""
    pairs = zip(detections.to_coco(image_id), detections.labels.tolist(), strict=True)
    return [
        {**row, "category_id": category_ids[label]} for row, label in pairs if label in category_ids
    ]


def _list(names: Iterable[str]) -> str:
    names = list(names)
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
