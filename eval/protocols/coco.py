"""The COCO box protocol (pycocotools 2.0.11, cocoeval.py), to the last bit of its twelve figures.

Source: github.com/cocodataset/cocoapi and its maintained fork, PythonAPI/pycocotools/cocoeval.py.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from eval.datasets import Dataset, Truths
from eval.detections import DetectionTable
from eval.matching import CUT, Matches
from eval.processors import processors
from eval.protocols.coco_kernels import judge_class
from eval.ranking import group_rows
from eval.records import EvaluationError

STAT_NAMES = (
    *("AP", "AP50", "AP75", "APs", "APm", "APl"),
    *("AR1", "AR10", "AR100", "ARs", "ARm", "ARl"),
)
DETECTIONS_A_THREAD = 20_000
AREAS = {
    "all": (0.0, 1e10),
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e10),
}


@dataclass(frozen=True, eq=False)
class CocoOptions:
    """What may be varied; the defaults are the protocol's.

    Attributes
    ----------
    iou_thresholds, recall_thresholds
        Rising, 1 to 64 and 1 or more.
    max_detections
        Most detections of a class in an image, best first; figures for each of these limits.
    areas
        Ranges of object area in pixels^2 by name, both ends included.
    """

    iou_thresholds: np.ndarray = field(default_factory=lambda: np.linspace(0.5, 0.95, 10))
    recall_thresholds: np.ndarray = field(default_factory=lambda: np.linspace(0, 1, 101))
    max_detections: tuple[int, ...] = (1, 10, 100)
    areas: dict[str, tuple[float, float]] = field(default_factory=lambda: dict(AREAS))

    def __post_init__(self) -> None:
        for name in ("iou_thresholds", "recall_thresholds"):
            values = np.ascontiguousarray(getattr(self, name), dtype=np.float64)
            if values.ndim != 1 or not len(values) or not (np.diff(values) >= 0).all():
                raise EvaluationError(f"{name}: expected one or more numbers, rising")
            object.__setattr__(self, name, values)
        if len(self.iou_thresholds) > 64:
            raise EvaluationError("iou_thresholds: more than 64; evaluate in several runs")
        limits = tuple(sorted(set(self.max_detections)))
        if not limits or any(type(n) is not int or n < 1 for n in limits):
            raise EvaluationError(f"max_detections {limits}: expected whole numbers from 1")
        object.__setattr__(self, "max_detections", limits)
        if not self.areas:
            raise EvaluationError("areas: expected one range or more")


@dataclass(frozen=True, eq=False)
class CocoResult:
    """Curves of every class, area range and detection limit; -1 where no object counts.

    Attributes
    ----------
    options, category_order
        category_order[k] is the label of the k-th class: by rising category id.
    curves, curve_scores
        (classes, areas, limits, thresholds, recalls) float64, precision at each recall
        threshold and the score there, classes in category_order.
    recalls
        (classes, areas, limits, thresholds) float64, recall reached.
    matches
        The verdicts at the first IoU threshold and the first area range.
    ties
        Detections with the same score as another of their class before them.
    """

    options: CocoOptions
    category_order: np.ndarray
    curves: np.ndarray
    curve_scores: np.ndarray
    recalls: np.ndarray
    matches: Matches
    ties: int = 0

    @cached_property
    def precision(self) -> np.ndarray:
        """pycocotools' eval["precision"], (thresholds, recalls, classes, areas, limits)."""
        return np.ascontiguousarray(self.curves.transpose(3, 4, 0, 1, 2))

    @cached_property
    def scores(self) -> np.ndarray:
        """pycocotools' eval["scores"], of the same shape."""
        return np.ascontiguousarray(self.curve_scores.transpose(3, 4, 0, 1, 2))

    @cached_property
    def recall(self) -> np.ndarray:
        """pycocotools' eval["recall"], (thresholds, classes, areas, limits)."""
        return np.ascontiguousarray(self.recalls.transpose(3, 0, 1, 2))

    def average_precision(
        self, area: str = "all", limit: int | None = None, iou: float | None = None
    ) -> float:
        """Mean precision over thresholds, recalls and classes; NaN where there is none.

        `limit` None is the largest; `iou` one of the thresholds, None all of them.
        """
        a, m, rows = self._place(area, limit, iou)
        # The order in which values are added decides the last bit: (thresholds, recalls, classes)
        return _mean(self.curves[:, a, m, rows].transpose(1, 2, 0)) if m >= 0 else np.nan

    def average_recall(
        self, area: str = "all", limit: int | None = None, iou: float | None = None
    ) -> float:
        """Mean recall over thresholds and classes; NaN where there is none."""
        a, m, rows = self._place(area, limit, iou)
        return _mean(self.recalls[:, a, m, rows].transpose(1, 0)) if m >= 0 else np.nan

    def class_precision(self) -> np.ndarray:
        """(classes,) float64, each label's AP over all areas at the largest limit; or NaN."""
        a, m, rows = self._place("all", None, None)
        result = np.full(len(self.category_order), np.nan)
        for k, label in enumerate(self.category_order):
            result[label] = _mean(self.curves[k, a, m, rows])
        return result

    def stats(self, official: bool = False) -> dict[str, float]:
        """The twelve figures by STAT_NAMES; NaN (official: -1) where no object counts.

        Official: the first is taken at 100 detections and is missing where 100 is not among the
        limits, as pycocotools has it. Otherwise it is taken at the largest limit.
        """
        limits = self.options.max_detections
        if official and len(limits) < 3:
            raise EvaluationError(
                f"max_detections {limits}: pycocotools needs three; leave `official` out"
            )
        missing = -1.0 if official else np.nan
        small, middle = (limits[min(i, len(limits) - 1)] for i in range(2))
        last = limits[2] if official else limits[-1]
        ap, ar = self.average_precision, self.average_recall
        values = (
            ap("all", 100 if official else last),
            ap("all", last, 0.5),
            ap("all", last, 0.75),
            *(ap(area, last) for area in ("small", "medium", "large")),
            *(ar("all", limit) for limit in (small, middle, last)),
            *(ar(area, last) for area in ("small", "medium", "large")),
        )
        return {
            name: missing if np.isnan(value) else value
            for name, value in zip(STAT_NAMES, values, strict=True)
        }

    def _place(self, area: str, limit: int | None, iou: float | None) -> tuple[int, int, slice]:
        options = self.options
        areas, limits = list(options.areas), options.max_detections
        wanted = limits[-1] if limit is None else limit
        rows = slice(None)
        if iou is not None:
            found = np.flatnonzero(options.iou_thresholds == iou)
            rows = slice(found[0], found[-1] + 1) if len(found) else slice(0, 0)
        if area not in areas or wanted not in limits:
            return 0, -1, rows
        return areas.index(area), limits.index(wanted), rows


def _mean(values: np.ndarray) -> float:
    known = values[values > -1]
    return float(np.mean(known)) if len(known) else np.nan


def judge(
    table: DetectionTable,
    dataset: Dataset,
    options: CocoOptions | None = None,
    *,
    official: bool = False,
) -> CocoResult:
    """Match and accumulate.

    Parameters
    ----------
    official
        Annotations of id 0 count as not found and several of one id all become the last, as
        pycocotools has it; a negative side makes a detection's area negative, so that it is
        not counted. Otherwise ids do not matter and a negative side is no side.
    """
    options = options or CocoOptions()
    truths, gt_images = dataset.all_truths, dataset.truth_images.astype(np.int32)
    image_order = rising([image.id for image in dataset.images])
    category_order = rising(dataset.category_ids)
    gt_order, void = None, np.zeros(len(truths), dtype=np.uint8)
    if official and truths.ids is not None:
        gt_order, _ = group_rows(_inverse(image_order)[gt_images], len(image_order))
        void = (truths.ids == 0).astype(np.uint8)
        last = last_of_each(truths)
        truths, gt_images = truths[last], gt_images[last]
    gt_boxes, gt_areas, crowd = truths.boxes_xywh, truths.areas, truths.crowd
    boxes = table.boxes_xywh
    if not official and len(boxes) and boxes[:, 2:].min() < 0:
        boxes = np.concatenate([boxes[:, :2], np.maximum(boxes[:, 2:], 0)], axis=1)

    # Detections by class and image rank, each cell's in file order; objects likewise.
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
    # The fullest classes first, so that no thread is left with a long one at the end.
    queue = iter(np.argsort(-np.diff(starts), kind="stable").tolist())

    def work(_: int) -> None:
        scratch = _scratch(len(dataset), starts, gt_starts, sides, taken)
        for k in queue:
            judge_class(
                k, starts[k], starts[k + 1], rows, table.images, boxes, scores,
                scores.view(np.uint64), *objects, *choices, *scratch,
                curves[k], curve_scores[k], recalls[k], outcomes, partners, facts[k],
            )  # fmt: skip

    threads = min(processors(), 1 + len(table) // DETECTIONS_A_THREAD)
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
    table: DetectionTable, dataset: Dataset, iou_threshold: float = 0.5, *, official: bool = False
) -> Matches:
    """Verdicts at one IoU threshold, all areas, at most 100 detections a class and image."""
    options = CocoOptions(
        iou_thresholds=np.array([iou_threshold]),
        recall_thresholds=np.zeros(1),
        max_detections=(100,),
        areas={"all": AREAS["all"]},
    )
    return judge(table, dataset, options, official=official).matches


def notes(result: CocoResult, table: DetectionTable) -> tuple[str, ...]:
    """What the figures depend on without saying so."""
    said = []
    cut = int(np.count_nonzero(result.matches.outcomes == CUT))
    if cut:
        said.append(
            f"{cut} of {len(table)} detections were not judged: more than "
            f"{result.options.max_detections[-1]} of one class in one image"
        )
    if result.ties > 0.05 * len(table):
        said.append(
            f"{result.ties} of {len(table)} detections have the score of another of their class: "
            "their order in the file decides, so another order gives other figures"
        )
    return tuple(said)


def quirks(table: DetectionTable, dataset: Dataset, options: CocoOptions) -> tuple[str, ...]:
    """Where pycocotools departed from its protocol on these data, a sentence each."""
    said = []
    truths = dataset.all_truths
    ids = truths.ids
    if ids is None:
        said.append("annotations without id: pycocotools would stop (KeyError)")
    else:
        if (ids == 0).any():
            said.append(f"{np.count_nonzero(ids == 0)} annotations of id 0 counted as never found")
        replaced = int(np.count_nonzero(last_of_each(truths) != np.arange(len(ids))))
        if replaced:
            said.append(f"{replaced} annotations were judged as the last one of the same id")
    negative = int(np.count_nonzero((table.boxes_xywh[:, 2:] < 0).any(axis=1)))
    if negative:
        said.append(f"{negative} detections with a negative side: not counted where their area is")
    if 100 not in options.max_detections:
        said.append("AP is -1, because 100 is not among max_detections")
    return tuple(said)


def rising(ids: list[int | str] | tuple[int | str, ...]) -> np.ndarray:
    """(N,) int64: positions of ids as they rise; texts after numbers."""
    order = sorted(range(len(ids)), key=lambda i: (isinstance(ids[i], str), ids[i]))
    return np.array(order, dtype=np.int64)


def last_of_each(truths: Truths) -> np.ndarray:
    """(M,) int64: for each object, the row whose annotation has its id last in the file."""
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
    """Rows by class rank, then image rank, then as they were; and where each class begins."""
    image_rank = _inverse(image_order)[images]
    if rows is not None or (image_rank[1:] < image_rank[:-1]).any():
        rows, _ = group_rows(image_rank, len(image_order), rows)
    return group_rows(_inverse(category_order)[labels], len(category_order), rows)


def _inverse(order: np.ndarray) -> np.ndarray:
    """(N,) int32: the place of each position in an order."""
    places = np.empty(len(order), np.int32)
    places[order] = np.arange(len(order))
    return places


def _scratch(
    images: int,
    starts: np.ndarray,
    gt_starts: np.ndarray,
    sides: tuple[int, int, int],
    taken: np.ndarray,
) -> tuple[np.ndarray, ...]:
    """One thread's working memory, for the largest class."""
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
