"""The COCO box protocol, computed by pycocotools itself."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import numpy as np

from eval.datasets import Dataset
from eval.detections import DetectionTable

STAT_NAMES = (
    *("AP", "AP50", "AP75", "APs", "APm", "APl"),
    *("AR1", "AR10", "AR100", "ARs", "ARm", "ARl"),
)


def coco_stats(detections: DetectionTable, dataset: Dataset) -> tuple[dict[str, float], np.ndarray]:
    """The twelve COCO box statistics and (classes,) float64 AP of each class.

    pycocotools' figures to the last bit, so crowds are the only objects it passes over:
    `difficult` and `ignore` have no effect here. A figure over no objects is NaN (pycocotools
    says -1). Two of pycocotools' faults are kept out: ground-truth ids are counted from 1
    (it misjudges id 0), and an empty list of detections scores 0 (it crashes).
    """
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        judge = COCOeval(
            _coco(_truth_records(dataset), dataset),
            _coco(_detection_records(detections, dataset), dataset),
            "bbox",
        )
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    stats = [float(value) if value > -1 else float("nan") for value in judge.stats]
    # (thresholds, recalls, classes, areas, detection limits): all areas, 100 detections
    precision = judge.eval["precision"][:, :, :, 0, 2]
    by_category = dict(zip(judge.params.catIds, _class_means(precision), strict=True))
    per_class = np.array([by_category[identity] for identity in dataset.category_ids])
    return dict(zip(STAT_NAMES, stats, strict=True)), per_class


def _class_means(precision: np.ndarray) -> list[float]:
    tables = np.moveaxis(precision, 2, 0)
    known = [table[table > -1] for table in tables]
    return [float(values.mean()) if len(values) else float("nan") for values in known]


def _coco(annotations: list[dict[str, Any]], dataset: Dataset) -> Any:
    from pycocotools.coco import COCO

    coco = COCO()
    coco.dataset = {
        "images": [{"id": image.id} for image in dataset.images],
        "categories": [{"id": identity} for identity in dataset.category_ids],
        "annotations": annotations,
    }
    coco.createIndex()
    return coco


def _truth_records(dataset: Dataset) -> list[dict[str, Any]]:
    truths = dataset.all_truths
    columns = zip(
        dataset.truth_images.tolist(),
        truths.labels.tolist(),
        truths.boxes_xywh.tolist(),
        truths.areas.tolist(),
        truths.crowd.tolist(),
        strict=True,
    )
    return [
        {
            "id": number,
            "image_id": dataset.images[image].id,
            "category_id": dataset.category_ids[label],
            "bbox": bbox,
            "area": area,
            "iscrowd": int(crowd),
        }
        for number, (image, label, bbox, area, crowd) in enumerate(columns, start=1)
    ]


def _detection_records(detections: DetectionTable, dataset: Dataset) -> list[dict[str, Any]]:
    columns = zip(
        detections.images.tolist(),
        detections.labels.tolist(),
        detections.boxes_xywh.tolist(),
        detections.scores.tolist(),
        strict=True,
    )
    return [
        {
            "id": number,
            "image_id": dataset.images[image].id,
            "category_id": dataset.category_ids[label],
            "bbox": bbox,
            "area": bbox[2] * bbox[3],
            "iscrowd": 0,
            "score": score,
        }
        for number, (image, label, bbox, score) in enumerate(columns, start=1)
    ]
