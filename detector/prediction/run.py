"""Detection in every source, within the limits that the user chose."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from detector.console import notify_failure, status, track
from detector.errors import DetectorError
from detector.files.names import printable
from detector.prediction.output import Output
from detector.prediction.sources import Source

if TYPE_CHECKING:
    from detector.pictures.reading import ScaledPicture
    from detector.pipeline import Detector
    from detector.results import Detections

EVERY = 10**6  # more detections than a picture has


class Choice(NamedTuple):
    """Which detections are shown. None is the detector's own choice.

    Attributes
    ----------
    threshold, max_detections, agnostic_nms
        As `Detector` takes them.
    labels
        Indices of the classes that are shown; None shows all.
    max_side
        Pictures with a longer side, in pixels, are reduced to it when they are read.
    """

    threshold: float | Mapping[str, float] | None = None
    max_detections: int | None = None
    agnostic_nms: bool | None = None
    labels: Sequence[int] | None = None
    max_side: int | None = None


def detect_in_sources(
    detector: Detector,
    sources: Sequence[Source],
    proposals: Callable[[Path], Any],
    choice: Choice,
    output: Output,
) -> int:
    """Detect in every source and write the output, also if interrupted; how many failed.

    `proposals` returns the boxes of a picture, or None to let the detector propose.
    """
    from eval import EvaluationError
    from proposals import ProposalError

    if output.folder is not None:
        output.folder.mkdir(parents=True, exist_ok=True)
    failed = 0
    try:
        for source in track(sources, "detecting", len(sources)):
            try:
                boxes = proposals(source.path or Path(source.name))
                detections = detect(detector, source.read(choice.max_side), boxes, choice)
                drawing = output.add(source, detections)
            except (DetectorError, ProposalError, EvaluationError, OSError) as error:
                failed += 1
                output.fail(source, str(error))
                notify_failure(printable(source.name), error)
                continue
            where = f" -> {printable(drawing)}" if drawing else ""
            status(f"{printable(source.name)}: {detections!r}{where}")
    finally:
        output.finish(detector.info.class_names, detector.info.category_ids)
    return failed


def detect(
    detector: Detector, picture: ScaledPicture, proposals: Any, choice: Choice
) -> Detections:
    """Detect in one picture; boxes and proposals are in the pixels of the photograph."""
    # The most detections are counted among the classes that are shown.
    most = choice.max_detections or detector.recipe.postprocess.max_detections
    found = detector(
        picture,
        proposals=proposals,
        threshold=choice.threshold,
        max_detections=most if choice.labels is None else EVERY,
        agnostic_nms=choice.agnostic_nms,
    )
    if choice.labels is None:
        return found
    return found[np.isin(found.labels, choice.labels)][:most]
