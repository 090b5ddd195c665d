"""Measure a detector on the photographs that were held out of training."""

from __future__ import annotations

from math import isfinite
from pathlib import Path
from typing import Any

from rich.console import Console

from detector.console import track
from detector.pictures.reading import read_image
from detector.pipeline import Detector
from eval import Dataset, evaluate
from proposals.recall.meter import RecallMeter


def validate(
    detector: Detector, dataset: Dataset, folder: Path, images: list[int], console: Console
) -> dict[str, float]:
    """Measure VOC mAP (IoU 0.5, area under the curve) and the recall of proposals on some images.

    Without an object in them neither is defined, and neither is returned. The detector has the
    classes of the data set in the same order; their ids may differ.
    """
    category_ids = dict(zip(detector.info.category_ids, dataset.category_ids, strict=True))
    rows: list[dict[str, Any]] = []
    meter = RecallMeter()
    for index in track(images, "validating", len(images), console=console):
        record, truths = dataset.images[index], dataset.truths(index)
        image = read_image(folder / record.file_name)
        proposals = detector.propose(image)
        detections = detector(image, proposals=proposals, preset="evaluate")
        rows.extend(
            {**row, "category_id": category_ids[row["category_id"]]}
            for row in detections.to_coco(image_id=record.id)
        )
        meter.add(proposals.boxes_xyxy, truths.boxes_xyxy, truths.labels, truths.ignored)
    report = evaluate(rows, dataset.subset(images), protocol="voc")
    recall = meter.report(dataset.class_names)
    console.print(report.table())
    console.print(recall.table())
    figures = {"validation_mAP50": report.map, "validation_recall50": recall.recall(0.5)}
    return {name: round(figure, 4) for name, figure in figures.items() if isfinite(figure)}
