"""The COCO box protocol: the twelve figures of pycocotools 2.0.11 (cocoeval.py), to the last bit.

Reference: PythonAPI/pycocotools/cocoeval.py of github.com/cocodataset/cocoapi and its maintained
fork.

Two known differences remain even with `official`: boxes whose area under- or overflows a double
(their IoU is NaN, which pycocotools treats as a match), and whole-number scores above 2^53 (which
pycocotools sorts as integers).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from eval.datasets import Dataset, Truths
from eval.detections import DetectionTable
from eval.matching import Matches
from eval.processors import processors
from eval.protocols.coco_kernels import measure_class
from eval.protocols.coco_result import CocoResult
from eval.protocols.options import CocoOptions, at_one_threshold
from eval.ranking import group_rows, inverse, rising

DETECTIONS_PER_THREAD = 20_000


def measure(
    table: DetectionTable,
    dataset: Dataset,
    options: CocoOptions | None = None,
    *,
    official: bool = False,
    forgiven: np.ndarray | None = None,
) -> CocoResult:
    """Match detections to objects, and compute the curves of all classes.

    Parameters
    ----------
    forgiven
        (N,) bool: detections that are ignored instead of false without a match; None: no other
        detections than those outside the range of area.
    official
        As in pycocotools, annotations with id 0 always count as missed, annotations with the same
        id are all replaced by the last one, and a negative side makes the area of a detection
        negative, so that it is ignored if unmatched. Otherwise ids have no effect, and a negative
        side counts as 0.
    """
    options = options or CocoOptions()
    truths, gt_images = dataset.all_truths, dataset.truth_images.astype(np.int32)
    image_order = rising([image.id for image in dataset.images])
    category_order = rising(dataset.category_ids)
    gt_order, void = None, np.zeros(len(truths), dtype=np.uint8)
    if official and truths.ids is not None:
        gt_order, _ = group_rows(inverse(image_order)[gt_images], len(image_order))
        void = (truths.ids == 0).astype(np.uint8)
        last = last_of_each(truths)
        truths, gt_images = truths[last], gt_images[last]
    gt_boxes, gt_areas, crowd = truths.boxes_xywh, truths.areas, truths.crowd
    boxes = table.boxes_xywh
    if not official and len(boxes) and boxes[:, 2:].min() < 0:
        boxes = np.concatenate([boxes[:, :2], np.maximum(boxes[:, 2:], 0)], axis=1)

    # Detections by class and image rank, otherwise in file order; objects likewise.
    rows, starts = _by_class_and_image(table.images, table.labels, image_order, category_order)
    gt_rows, gt_starts = _by_class_and_image(
        gt_images, truths.labels.astype(np.int32), image_order, category_order, gt_order
    )
    classes = len(category_order)
    sides = (len(options.areas), len(options.max_detections), len(options.iou_thresholds))
    curves = np.full((classes, *sides, len(options.recall_thresholds)), -1.0)
    curve_scores = np.full(curves.shape, -1.0)
    recalls = np.full((classes, *sides), -1.0)
    outcomes = np.zeros(len(table), dtype=np.int8)
    partners = np.full(len(table), -1, dtype=np.int32)
    boxes = np.ascontiguousarray(boxes, dtype=np.float64)
    scores = np.ascontiguousarray(table.scores, dtype=np.float64)
    spared = np.asarray([] if forgiven is None else forgiven, dtype=np.uint8)
    objects = (
        gt_starts, gt_rows, gt_images, np.ascontiguousarray(gt_boxes, np.float64),
        np.ascontiguousarray(gt_areas, np.float64), crowd.astype(np.uint8), void,
    )  # fmt: skip
    choices = (
        options.iou_thresholds, options.recall_thresholds,
        np.array(list(options.areas.values()), dtype=np.float64),
        np.array(options.max_detections, dtype=np.int64), float(np.spacing(1)),
    )  # fmt: skip
    taken = np.zeros((len(truths), sides[0]), dtype=np.uint64)
    facts = np.zeros((classes, 2), dtype=np.int64)
    # The largest classes first, so that no thread ends with a long one.
    queue = iter(np.argsort(-np.diff(starts), kind="stable").tolist())

    def work(_: int) -> None:
        scratch = _scratch(len(dataset), starts, gt_starts, sides, taken)
        for k in queue:
            measure_class(
                k, starts[k], starts[k + 1], rows, table.images, boxes, scores,
                scores.view(np.uint64), spared, *objects, *choices, *scratch,
                curves[k], curve_scores[k], recalls[k], outcomes, partners, facts[k],
            )  # fmt: skip

    threads = min(processors(), 1 + len(table) // DETECTIONS_PER_THREAD)
    if threads == 1:
        work(0)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, range(threads)))
    counted = ~(crowd | (gt_areas < choices[2][0, 0]) | (gt_areas > choices[2][0, 1]))
    matches = Matches("coco", float(options.iou_thresholds[0]), outcomes, partners, counted)
    return CocoResult(
        options, category_order, curves, curve_scores, recalls, matches, int(facts[:, 0].sum())
    )


def match(
    table: DetectionTable,
    dataset: Dataset,
    iou_threshold: float = 0.5,
    options: CocoOptions | None = None,
    *,
    official: bool = False,
) -> Matches:
    """The matches at one IoU threshold, with the largest limit and all areas of the options."""
    one = at_one_threshold(options or CocoOptions(), iou_threshold)
    return measure(table, dataset, one, official=official).matches


def last_of_each(truths: Truths) -> np.ndarray:
    """(M,) int64: for each object, the row of the last annotation in the file with its id."""
    assert truths.ids is not None
    positions = np.arange(len(truths)) if truths.positions is None else truths.positions
    ids, last = truths.ids.tolist(), {}
    for row in np.argsort(positions).tolist():
        last[ids[row]] = row
    return np.array([last[identity] for identity in ids], dtype=np.int64)


def _by_class_and_image(
    images: np.ndarray,
    labels: np.ndarray,
    image_order: np.ndarray,
    category_order: np.ndarray,
    rows: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Rows by class rank, then image rank, then in their order; and where each class begins."""
    image_rank = inverse(image_order)[images]
    if rows is not None or (image_rank[1:] < image_rank[:-1]).any():
        rows, _ = group_rows(image_rank, len(image_order), rows)
    return group_rows(inverse(category_order)[labels], len(category_order), rows)


def _scratch(
    images: int,
    starts: np.ndarray,
    gt_starts: np.ndarray,
    sides: tuple[int, int, int],
    taken: np.ndarray,
) -> tuple[np.ndarray, ...]:
    """The working memory of one thread, enough for the largest class."""
    most = int(np.diff(starts).max(initial=0)) + 1
    objects = int(np.diff(gt_starts).max(initial=0)) + 1
    areas, limits, _ = sides
    return (
        np.zeros(images, np.int64), np.zeros(images, np.int64), np.zeros(images, np.int32),
        np.empty(objects, np.int64), np.empty(most, np.uint64), np.empty(most, np.uint64),
        np.empty(most, np.int32), np.empty(2049, np.int64),
        taken, np.empty(objects), np.empty(objects, np.uint64), np.empty((most, areas), np.uint64),
        np.empty((most, areas), np.uint64), np.empty(most, np.int32),
        np.empty((most, areas * limits), np.int32), np.empty(most),
        np.empty(areas * limits, np.int64), np.empty(limits, np.int64), np.empty(limits, np.int64),
        np.empty((limits, objects), np.int64), np.empty((limits, objects)),
        np.empty(most, np.int32), np.empty(most), np.empty((most, 4)),
        np.empty(most, np.int8), np.empty(most, np.int32),
    )  # fmt: skip
