"""The report of the COCO protocol: figures, title, notes and quirks."""

from __future__ import annotations

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable
from eval.errors import EvaluationError
from eval.matching import CUT, IGNORED
from eval.protocols.coco import last_of_each, measure
from eval.protocols.coco_result import CocoResult
from eval.protocols.options import AREAS, CocoOptions, Options, in_force
from eval.protocols.report import ONE_CLASS, Report, by_class
from eval.wording import amount, mean_over_iou


def report(
    table: DetectionTable, dataset: Dataset, protocol: str, options: Options, official: bool
) -> Report:
    """Evaluate under the rules of COCO; the parameters are those of every protocol."""
    if official and not len(table):
        raise EvaluationError(
            f"{table.source}: no detections: pycocotools stops with an IndexError; leave out "
            "`official`, and AP is 0"
        )
    result = measure(table, dataset, in_force(options), official=official)
    stats = result.official_stats() if official else result.stats()
    title = [f"COCO boxes: {choices(result.options)}", *[ONE_CLASS] * options.class_agnostic]
    return Report(
        protocol=protocol,
        map=stats["AP"],
        stats=stats,
        class_stats=by_class(dataset, **result.class_stats()),
        title="; ".join(title),
        notes=(*about_data(dataset), *notes(result, table)),
        quirks=quirks(table, dataset, result.options) if official else (),
        matches=result.matches,
        coco=result,
    )


def choices(options: CocoOptions, most: int = 100, per: str = "class and image") -> str:
    """The thresholds in words, and what else differs from the protocol's own options.

    `most` is the protocol's own limit of detections `per` image.
    """
    parts = [mean_over_iou(options.iou_thresholds.tolist())]
    if options.max_detections[-1] != most:
        parts.append(f"at most {options.max_detections[-1]:,} detections per {per}")
    if options.areas != AREAS:
        ranges = [f"{name} {low:g} to {high:g}" for name, (low, high) in options.areas.items()]
        parts.append(f"areas in square pixels: {', '.join(ranges)}")
    if len(options.recall_thresholds) != 101:
        parts.append(f"{amount(len(options.recall_thresholds), 'level')} of recall")
    return "; ".join(parts)


def notes(result: CocoResult, table: DetectionTable) -> tuple[str, ...]:
    """Notes on detections that do not count, and on an IoU threshold of 0."""
    sentences = []
    outcomes = result.matches.outcomes
    cut = int(np.count_nonzero(outcomes == CUT))
    if cut:
        sentences.append(
            f"{cut} of {amount(len(table), 'detection')} not evaluated: more than "
            f"{result.options.max_detections[-1]} of one class in one image"
        )
    options = result.options
    if options.iou_thresholds[0] == 0:
        sentences.append("IoU threshold 0: boxes match objects that they do not touch")
    name, (low, high) = next(iter(options.areas.items()))
    beyond = int(np.count_nonzero((outcomes == IGNORED) & (result.matches.truths < 0)))
    if beyond and name == "all":
        sentences.append(
            f"ignored {amount(beyond, 'detection')} without a match, because the area is outside "
            f"{low:g} to {high:g} pixels"
        )
    return tuple(sentences)


def quirks(table: DetectionTable, dataset: Dataset, options: CocoOptions) -> tuple[str, ...]:
    """Where pycocotools departs from its protocol on these data, one sentence each."""
    sentences = []
    truths = dataset.all_truths
    ids = truths.ids
    if ids is None:
        sentences.append("annotations without id: pycocotools stops with a KeyError")
    else:
        if (ids == 0).any():
            zeros = int(np.count_nonzero(ids == 0))
            sentences.append(f"{amount(zeros, 'annotation')} with id 0 counted as missed")
        replaced = int(np.count_nonzero(last_of_each(truths) != np.arange(len(ids))))
        if replaced:
            sentences.append(
                f"{amount(replaced, 'annotation')} replaced by the last one of the same id"
            )
    negative = int(np.count_nonzero((table.boxes_xywh[:, 2:] < 0).any(axis=1)))
    if negative:
        sentences.append(
            f"{amount(negative, 'detection')} with a negative side: ignored without a match if the "
            "area is negative"
        )
    if 100 not in options.max_detections:
        sentences.append("AP is -1, because 100 is not among max_detections")
    return tuple(sentences)


def about_data(dataset: Dataset) -> tuple[str, ...]:
    """Notes on annotations that pycocotools treats in unexpected ways."""
    truths, notes = dataset.all_truths, []
    if dataset.in_fractions:
        notes.append(
            "boxes are in fractions of pictures of unknown size: figures by size (APs, APm, APl "
            "and their AR) mean nothing"
        )
    if truths.ids is not None and len(truths):
        if (truths.ids == 0).any():
            notes.append("an annotation has id 0: pycocotools always counts its object as missed")
        repeated = len(truths) - len(set(truths.ids.tolist()))
        if repeated:
            notes.append(
                f"{amount(repeated, 'annotation repeats', 'annotations repeat')} the id of another "
                "one: pycocotools replaces all annotations of one id by the last"
            )
    marked = int(np.count_nonzero(truths.difficult & ~truths.crowd))
    if marked:
        notes.append(
            f"{amount(marked, 'annotation is', 'annotations are')} marked `difficult` or `ignore`: "
            "the COCO protocol ignores only `iscrowd` and counts these like all others"
        )
    low, high = AREAS["all"]
    outside = int(np.count_nonzero((truths.areas < low) | (truths.areas > high)))
    if outside:
        notes.append(
            f"{amount(outside, 'object has', 'objects have')} an area outside {low:g} to {high:g} "
            "pixels: the COCO protocol ignores them"
        )
    return tuple(notes)
