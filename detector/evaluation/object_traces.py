"""What became of each annotated object on its way through the pipeline: why it was missed.

An object is found where some box survives every stage: a proposal covers it, the cheap score
keeps that region for the head, the head gives its class a high score, suppression spares the box.
(Where networks are a cascade, what an early one rules out has score 0, as if misclassified.)
The figures here say how near each stage came, so that `eval` can tell the stage that lost it.
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

FOUND_IOU = 0.5  # a box this near counts as the object's
NEAR_IOU = 0.1  # and one this near as an attempt at it (TIDE's bound, arXiv 2008.08115)


def object_traces(
    trace: Trace, boxes_xyxy: NDArray[np.float64], labels: NDArray[np.int64]
) -> dict[str, list[float]]:
    """Follow the objects of one image through the stages of the detector.

    Parameters
    ----------
    trace
        What `Detector.trace` gave back.
    boxes_xyxy
        (M, 4) the objects, pixels.
    labels
        (M,) the detector's label of each one's class; -1 where it does not know the class.

    Returns
    -------
    dict of lists of length M, in the objects' order, rounded to 1e-6:
        proposal_iou, the overlap of the nearest proposal; region_iou, that of the nearest region
        the head saw; class_score and near_score, the highest score for the object's class of a
        box with an overlap of at least .5 and .1, before suppression: 0 where there is none over
        the recipe's `evaluate_threshold`.
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
    """A copy, beside it, of the objects.jsonl of a data set with what is of a part of it.

    The part has some of the images, or of the classes; where it is the whole, `path` is it.
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
