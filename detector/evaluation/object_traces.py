"""Traces of annotated objects through the pipeline: at which step was an object missed?

A detector finds an object if a box passes every step: a proposal covers the object, objectness
keeps that region, the network gives its class a high score, and suppression keeps the box. (In a
cascade, a region that an early network rejects has score 0, as if it were misclassified.) A trace
holds how close each step came, from which `eval` derives the step that missed the object.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from detector.files.whole_files import write_file
from proposals.boxes import intersection_over_union

if TYPE_CHECKING:
    from detector.pipeline import Trace
    from eval import Dataset

FOUND_IOU = 0.5  # the lowest IoU of a box that counts as a detection of the object
NEAR_IOU = 0.1  # the lowest IoU of a box that counts as an attempt at it (TIDE, arXiv 2008.08115)


def object_traces(
    trace: Trace, boxes_xyxy: NDArray[np.float64], labels: NDArray[np.int64]
) -> dict[str, list[float]]:
    """Trace the objects of one image through the steps of the detector.

    Parameters
    ----------
    trace
        The second result of `Detector.trace`.
    boxes_xyxy
        (M, 4) the objects, pixels.
    labels
        (M,) the detector's label for each object's class; -1 if it does not know the class.

    Returns
    -------
    dict of lists of length M, in the objects' order, rounded to 1e-6:
        proposal_iou, the IoU of the closest proposal; region_iou, the IoU of the closest region
        that was classified; class_score and near_score, the highest score for the object's class
        among boxes with an IoU of at least 0.5 and 0.1, before suppression. A score is 0 if it does
        not exceed the recipe's `evaluate_threshold`.
    """
    scored = trace.scored
    overlap = intersection_over_union(boxes_xyxy, scored.boxes_xyxy)
    scores = np.where(labels[:, None] == scored.labels, scored.scores, np.float32(0))
    traces = {
        "proposal_iou": _nearest(boxes_xyxy, trace.proposals_xyxy),
        "region_iou": _nearest(boxes_xyxy, trace.regions_xyxy),
        "class_score": (scores * (overlap >= FOUND_IOU)).max(1, initial=0),
        "near_score": (scores * (overlap >= NEAR_IOU)).max(1, initial=0),
    }
    return {name: column.astype(np.float64).round(6).tolist() for name, column in traces.items()}


def traces_of_part(path: Path, whole: Dataset, part: Dataset) -> Path:
    """Write the traces of a part of a data set beside those of the whole; returns their path.

    The part has fewer images or classes. If it is the whole, `path` itself is returned.
    """
    import orjson

    if part is whole:
        return path
    chosen = [label for label, name in enumerate(whole.class_names) if name in part.class_names]
    target, kept = path.with_name("objects.part.jsonl"), []
    with path.open("rb") as lines:
        for line in map(orjson.loads, lines):
            image_id = line.pop("image_id")
            if image_id in part.image_index_by_id:
                labels = whole.truths(whole.image_index_by_id[image_id]).labels
                rows = np.flatnonzero(np.isin(labels, chosen)).tolist()
                columns = {name: [values[row] for row in rows] for name, values in line.items()}
                kept.append(orjson.dumps({"image_id": image_id, **columns}))
    write_file(target, b"".join(line + b"\n" for line in kept))
    return target


def _nearest(
    boxes_xyxy: NDArray[np.float64], candidates_xyxy: NDArray[np.float32]
) -> NDArray[np.float32]:
    return intersection_over_union(boxes_xyxy, candidates_xyxy).max(1, initial=0)
