"""`detect batch`: pictures -> actors -> parts of results, each written once it is complete."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from detector.batch.cluster import Crew, Machines
from detector.batch.folder import RUN_FILE, BatchFolder
from detector.batch.schema import IMAGE, Row
from detector.batch.sources import Source
from detector.console import notify, notify_failure, progress
from detector.errors import DetectorError
from detector.files.names import printable


class Plan(NamedTuple):
    """What a run writes, and where."""

    output: Path
    about: dict[str, Any]  # other content of _run.json
    per_file: int  # pictures of a part
    form: str  # "parquet" or "jsonl"
    restart: bool = False
    retry_failed: bool = False


class Finished(NamedTuple):
    """The sums of a run."""

    pictures: int
    failed: int


def run_batch(
    source: Source,
    machines: Machines,
    load: Callable[[str | None], Any],
    options: dict[str, Any],
    plan: Plan,
) -> Finished:
    """Detect in the pictures whose parts are missing in the folder, which this process has locked.

    Parameters
    ----------
    load
        Loads the detector in each actor, on a device.
    options
        Of the detection; see DetectPictures.

    Raises
    ------
    DetectorError
        The folder belongs to another run, or no detector can be loaded.
    KeyboardInterrupt
        Raised again after a message on how to continue.
    """
    pictures = source.pictures
    crew = Crew(machines, lambda: machines.hire(load, options))
    first = crew.description
    about = {"classes": first.classes, "category_ids": first.category_ids, **plan.about}
    folder = BatchFolder(
        plan.output,
        {**first.settings, **options, "source": source.fingerprint},
        {**about, "versions": first.versions},
        count=len(pictures),
        size=plan.per_file,
        form=plan.form,
        restart=plan.restart,
    )
    if folder.done and folder.about.get("versions") != first.versions:
        where = printable(plan.output)
        notify(
            f"{where}: begun with other versions or threads ({RUN_FILE}); last digits may differ"
        )
    if plan.retry_failed:
        folder.forget_failed()
    try:
        _detect_missing(source, crew, folder)
    except KeyboardInterrupt:
        notify(
            f"the results of {folder.pictures_done()} of {len(pictures)} pictures are in "
            f"{printable(plan.output)}; the same command continues the run"
        )
        raise
    return Finished(len(pictures), sum(folder.failed.values()))


def _detect_missing(source: Source, crew: Crew, folder: BatchFolder) -> None:
    """Detect in the pictures of missing parts, and write each part when its last one is done."""
    missing = [part for part in folder.parts if part not in folder.done]
    numbers = [number for part in missing for number in folder.pictures(part)]
    number_of = {source.pictures[number].name: number for number in numbers}
    open_parts: dict[int, dict[int, Row]] = {part: {} for part in missing}
    total, done = len(source.pictures), folder.pictures_done()
    with progress("detecting", total, done) as update:
        for picture, row in crew.work(source.pictures[number] for number in numbers):
            number = number_of[picture.name]
            part = number // folder.size
            if failure := row.get("failure"):
                notify_failure(printable(picture.name), DetectorError(failure))
            rows = open_parts[part]
            rows[number] = {IMAGE.name: picture.name, **row}
            done += 1
            update(done, "")
            if len(rows) == len(folder.pictures(part)):
                folder.write(part, [rows[number] for number in folder.pictures(part)])
                del open_parts[part]
