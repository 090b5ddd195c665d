"""The LVIS box protocol: the thirteen figures of lvis 0.5.3 (eval.py, results.py).

Source: Gupta, Dollar and Girshick, "LVIS: A Dataset for Large Vocabulary Instance Segmentation"
(CVPR 2019), section 2.2 and the appendix on evaluation; github.com/lvis-dataset/lvis-api.

LVIS is federated: each image is checked for some classes only. Matching and averaging are COCO's,
with five differences:

- The limit is 300 detections per image over all classes, and is applied first.
- Detections are left out if their class is neither annotated in the image nor listed as absent.
- Detections without a match are ignored if their class is not annotated exhaustively in the image.
- Objects marked `ignore` are ignored, but unlike a crowd each matches one detection only. There are
  no crowds.
- Objects and detections without area do not exist.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from eval.datasets import Dataset, Truths
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.matching import CUT, IGNORED, Matches
from eval.protocols import coco
from eval.protocols.coco_report import choices
from eval.protocols.coco_result import CocoResult, threshold_name
from eval.protocols.excluded import on_not_exhaustive, on_unverified
from eval.protocols.options import CocoOptions, Options, at_one_threshold, in_force
from eval.protocols.report import Report, by_class
from eval.ranking import falling, group_rows
from eval.wording import amount

MOST = 300  # detections per image
FREQUENCIES = ("r", "c", "f")


def report(
    table: DetectionTable, dataset: Dataset, protocol: str, options: Options, official: bool
) -> Report:
    """Evaluate under the rules of LVIS; the parameters are those of every protocol."""
    check_federated(dataset)
    if official and not len(table):
        raise EvaluationError(
            f"{table.source}: no detections: the lvis package stops with an IndexError; leave out "
            "`official`, and AP is 0"
        )
    result = measure(table, dataset, in_force(options, (MOST,)), official=official)
    figures = stats(result, dataset, official=official)
    words = choices(result.options, MOST, "image")
    return Report(
        protocol=protocol,
        map=figures["AP"],
        stats=figures,
        class_stats=by_class(dataset, **class_stats(result)),
        title=f"LVIS boxes: {words}; each image checked for some classes only",
        notes=notes(result, table, dataset),
        quirks=quirks(dataset) if official else (),
        matches=result.matches,
        coco=result,
    )


def measure(
    table: DetectionTable,
    dataset: Dataset,
    options: CocoOptions | None = None,
    *,
    official: bool = False,
) -> CocoResult:
    """Match detections to objects, and compute the curves of all classes.

    Parameters
    ----------
    options
        Thresholds, areas and the limit per image; by default those of LVIS.
    official
        As in the lvis package, annotations with id 0 always count as missed, and annotations with
        the same id are all replaced by the last one. Otherwise ids have no effect.

    Raises
    ------
    EvaluationError
        The data set does not state which classes its images are checked for.
    """
    check_federated(dataset)
    options = options or CocoOptions(max_detections=(MOST,))
    cut = _beyond_limit(table, len(dataset), options.max_detections[-1])
    left_out = _without_area(table) | unchecked(table, dataset, official=official)
    kept = np.flatnonzero(~(cut | left_out))
    part = replace(
        table, images=table.images[kept], labels=table.labels[kept], boxes=table.boxes[kept],
        scores=table.scores[kept], where=None,
    )  # fmt: skip
    result = coco.measure(
        part,
        replace(dataset, all_truths=_in_terms_of_coco(dataset.all_truths)),
        options,
        official=official,
        forgiven=on_not_exhaustive(part.images, part.labels, dataset),
    )
    outcomes = np.where(cut, CUT, IGNORED).astype(np.int8)
    truths = np.full(len(table), -1, dtype=np.int32)
    outcomes[kept], truths[kept] = result.matches.outcomes, result.matches.truths
    matches = replace(result.matches, protocol="lvis", outcomes=outcomes, truths=truths)
    return replace(result, matches=matches)


def match(
    table: DetectionTable,
    dataset: Dataset,
    iou_threshold: float = 0.5,
    options: CocoOptions | None = None,
    *,
    official: bool = False,
) -> Matches:
    """The matches at one IoU threshold, with the limit and all areas of the options."""
    one = at_one_threshold(options or CocoOptions(max_detections=(MOST,)), iou_threshold)
    return measure(table, dataset, one, official=official).matches


def stats(result: CocoResult, dataset: Dataset, *, official: bool = False) -> dict[str, float]:
    """The figures by their names in the lvis package; NaN (official: -1) without objects.

    APr, APc and APf are means over the rare, common and frequent classes. With LVIS's own options
    there are thirteen; otherwise one for each threshold and area in force.
    """
    check_federated(dataset)
    assert dataset.federation is not None
    ap, ar, limit = result.average_precision, result.average_recall, _limit(result)
    groups, areas = np.array(dataset.federation.frequencies, dtype=np.str_), result.area_names
    figures = {"AP": ap()}
    figures |= {threshold_name(iou): ap(iou=iou) for iou in result.shown_thresholds}
    figures |= {f"AP{called}": ap(area) for area, called in areas.items()}
    figures |= {f"AP{group}": ap(labels=np.flatnonzero(groups == group)) for group in FREQUENCIES}
    figures |= {f"AR@{limit}": ar()}
    figures |= {f"AR{called}@{limit}": ar(area) for area, called in areas.items()}
    missing = -1.0 if official else np.nan
    return {name: missing if np.isnan(value) else value for name, value in figures.items()}


def class_stats(result: CocoResult) -> dict[str, np.ndarray]:
    """The figures of each label by name, (classes,) float64: AP, AP50, AP75 and AR@300."""
    *precisions, (_, recalls) = result.class_stats().items()
    return {**dict(precisions), f"AR@{_limit(result)}": recalls}


def notes(result: CocoResult, table: DetectionTable, dataset: Dataset) -> tuple[str, ...]:
    """Notes on the fields of LVIS, and on detections and objects that do not count."""
    assert dataset.federation is not None
    truths, sentences = dataset.all_truths, list(dataset.federation.notes)
    unknown = dataset.federation.frequencies.count("")
    if unknown:
        classes = amount(len(dataset.class_names), "class", "classes")
        sentences.append(
            f"{unknown} of {classes} without a 'frequency' of 'r', 'c' or 'f': APr, APc and APf "
            "leave them out"
        )
    cut = int(np.count_nonzero(result.matches.outcomes == CUT))
    on_others = unchecked(table, dataset) & (result.matches.outcomes != CUT)
    for count, why in (
        (cut, f"more than {_limit(result)} in one image"),
        (
            int(np.count_nonzero(on_others)),
            "their class is neither annotated in the image nor listed as absent",
        ),
    ):
        if count:
            sentences.append(f"{count:,} of {amount(len(table), 'detection')} not evaluated: {why}")
    if empty := int(np.count_nonzero(_nonexistent(truths))):
        sentences.append(f"objects with an area of 0, which LVIS leaves out: {empty}")
    if crowds := int(np.count_nonzero(truths.crowd)):
        sentences.append(f"crowds, which count like all other objects: {crowds}")
    return tuple(sentences)


def quirks(dataset: Dataset) -> tuple[str, ...]:
    """Where the lvis package departs from its protocol on these data, one sentence each."""
    ids = dataset.all_truths.ids
    if ids is None:
        return ("annotations without id: the lvis package stops with a KeyError",)
    sentences = []
    if zeros := int(np.count_nonzero(ids == 0)):
        sentences.append(f"{amount(zeros, 'annotation')} with id 0 counted as missed")
    last = coco.last_of_each(dataset.all_truths)
    if replaced := int(np.count_nonzero(last != np.arange(len(ids)))):
        sentences.append(
            f"{amount(replaced, 'annotation')} replaced by the last one of the same id"
        )
    return tuple(sentences)


def unchecked(table: DetectionTable, dataset: Dataset, *, official: bool = False) -> np.ndarray:
    """(N,) bool: detections whose class is neither annotated in their image nor listed as absent.

    A class is annotated by objects that exist; in the official mode not by those that another one
    replaces.
    """
    truths = dataset.all_truths
    real = np.flatnonzero(~_nonexistent(truths))
    if official and truths.ids is not None:
        real = coco.last_of_each(truths)[real]
    return on_unverified(table.images, table.labels, dataset, real)


def check_federated(dataset: Dataset) -> None:
    """Raise EvaluationError unless the data set states which classes its images are checked for."""
    if dataset.federation is None:
        raise EvaluationError(
            f"{dataset.source}: no image has 'neg_category_ids' and 'not_exhaustive_category_ids', "
            "which the protocol 'lvis' needs; read a file of LVIS, or choose the protocol 'coco'"
        )


def _beyond_limit(table: DetectionTable, images: int, most: int) -> np.ndarray:
    """(N,) bool: detections after the `most` highest scores of their image."""
    rows, starts = group_rows(table.images, images, falling(table.scores))
    rank = np.arange(len(rows)) - np.repeat(starts[:-1], np.diff(starts))
    beyond = np.zeros(len(table), dtype=bool)
    beyond[rows[rank >= most]] = True
    return beyond


def _limit(result: CocoResult) -> int:
    return result.options.max_detections[-1]


def _without_area(table: DetectionTable) -> np.ndarray:
    return ~(table.boxes_xywh[:, 2:].prod(axis=1) > 0)


def _nonexistent(truths: Truths) -> np.ndarray:
    return ~(truths.areas > 0)


def _in_terms_of_coco(truths: Truths) -> Truths:
    """Objects that count under COCO's rules as these do under LVIS's.

    An infinite area is outside every range, so that the object is ignored; a box without sides
    overlaps nothing.
    """
    nonexistent = _nonexistent(truths)
    sides = np.where(nonexistent[:, None], 0, truths.boxes_xywh[:, 2:])
    return replace(
        truths,
        boxes=np.concatenate([truths.boxes_xywh[:, :2], sides], axis=1),
        layout="xywh",
        areas=np.where(nonexistent | truths.difficult, np.inf, truths.areas),
        crowd=np.zeros(len(truths), dtype=bool),
    )
