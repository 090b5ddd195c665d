"""The figures of torchmetrics' MeanAveragePrecision and ours on the same random batches.

    python benchmarks/torchmetrics_figures.py [--problems 40]

Needs torchmetrics and pycocotools. Prints the largest difference of the twelve figures and of the
classes' average precision, with the thresholds that torchmetrics rounds to float32 by default, and
with those of pycocotools.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
import torch
from torchmetrics.detection import MeanAveragePrecision as Torchmetrics

from eval import MeanAveragePrecision, Report

STATS = {
    **{"AP": "map", "AP50": "map_50", "AP75": "map_75"},
    **{"APs": "map_small", "APm": "map_medium", "APl": "map_large"},
    **{"AR1": "mar_1", "AR10": "mar_10", "AR100": "mar_100"},
    **{"ARs": "mar_small", "ARm": "mar_medium", "ARl": "mar_large"},
}
EXACT = {
    "iou_thresholds": np.linspace(0.5, 0.95, 10).tolist(),
    "rec_thresholds": np.linspace(0, 1, 101).tolist(),
}

Batch = tuple[list[dict[str, torch.Tensor]], list[dict[str, torch.Tensor]]]


def main() -> None:
    """Compare the figures of random problems, and print the largest differences."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--problems", type=int, default=40)
    problems = parser.parse_args().problems
    for name, thresholds in (("torchmetrics' default", {}), ("pycocotools'", EXACT)):
        largest = max(difference(seed, thresholds) for seed in range(problems))
        print(f"{name} thresholds, {problems} problems: largest difference {largest:.4g}")


def difference(seed: int, thresholds: dict[str, Any]) -> float:
    """The largest difference of any figure in one problem of four batches."""
    generator = torch.Generator().manual_seed(seed)
    theirs, ours = Torchmetrics(class_metrics=True, **thresholds), MeanAveragePrecision()
    for _ in range(4):
        predictions, targets = batch(generator)
        theirs.update(predictions, targets)
        ours.update(predictions, targets)
    return float(np.abs(figures(ours.compute()) - reference(theirs.compute())).max())


def figures(report: Report) -> np.ndarray:
    """The twelve figures and those of the classes, -1 for NaN, as torchmetrics has them."""
    values = [*(report.stats[name] for name in STATS), *report.per_class.values()]
    return np.nan_to_num(np.array(values), nan=-1.0).astype(np.float32)


def reference(computed: dict[str, torch.Tensor]) -> np.ndarray:
    """The same figures of torchmetrics."""
    stats = [float(computed[name]) for name in STATS.values()]
    return np.array([*stats, *computed["map_per_class"].tolist()], dtype=np.float32)


def batch(generator: torch.Generator) -> Batch:
    """Two images with up to five objects, crowds among them, and detections near and off them."""
    predictions, targets = [], []
    for _ in range(2):
        objects, strays = torch.randint(0, 6, (2,), generator=generator).tolist()
        near = boxes(objects, generator)
        labels = torch.randint(0, 4, (objects,), generator=generator)
        moved = near + torch.randn(objects, 4, generator=generator) * 4
        moved[:, 2:] = moved[:, 2:].maximum(moved[:, :2] + 1)
        predictions.append(
            {
                "boxes": torch.cat([moved, boxes(strays, generator)]),
                # Coarse scores, so that they tie within and between images
                "scores": (torch.rand(objects + strays, generator=generator) * 8).round() / 8,
                "labels": torch.cat([labels, torch.randint(0, 5, (strays,), generator=generator)]),
            }
        )
        crowd = (torch.rand(objects, generator=generator) < 0.15).long()
        targets.append({"boxes": near, "labels": labels, "iscrowd": crowd})
    return predictions, targets


def boxes(count: int, generator: torch.Generator) -> torch.Tensor:
    """(count, 4) corners of boxes with sides of 1 to 121 pixels."""
    corners = torch.rand(count, 2, generator=generator) * 100
    sides = torch.rand(count, 2, generator=generator) * 120 + 1
    return torch.cat([corners, corners + sides], dim=1)


if __name__ == "__main__":
    main()
