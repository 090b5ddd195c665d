"""Fine-tuning in shared mode: the losses of photographs, and the layers that are frozen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from detector.errors import DetectorError
from detector.networks.pyramid import Pyramid
from detector.networks.regions import RegionClassifier
from detector.recipes import TrainingOptions
from detector.training.photographs import Example
from detector.training.region_losses import region_losses
from detector.training.region_sampling import Regions, sample_objectness, sample_regions
from detector.training_loop.trainer import PartLosses
from proposals.multibox import BOXES, MultiBox

Floats = NDArray[np.float32]
HEAD = ("5a", "5b")  # the layers after the trunk


class Lesson(NamedTuple):
    """What one photograph teaches: regions to the head, and the loss of the objectness score."""

    regions: Regions
    objectness_loss: Tensor


def part_losses(
    model: RegionClassifier,
    examples: Sequence[Example],
    options: TrainingOptions,
    device: torch.device,
    multibox: MultiBox | None = None,
    multibox_boxes: int = BOXES,
) -> dict[str, Tensor]:
    """Losses of a part: of classes and boxes, both as in Fast R-CNN, and of objectness.

    Every photograph has the same weight. With `multibox`, the best boxes that it finds on the maps
    of this pass join the proposals.
    """
    pyramids = _pyramids(model, examples, device)
    lessons = []
    for pyramid, example in zip(pyramids, examples, strict=True):
        proposals = example.boxes_xyxy
        if multibox is not None:
            with torch.no_grad():
                best = multibox.propose(pyramid.maps[0], *example.size, multibox_boxes)
            proposals = np.concatenate([proposals, best.boxes_xyxy])
        lessons.append(_lesson(model, pyramid, proposals, example, options))
    predictions = _predict(model, pyramids, [lesson.regions for lesson in lessons])
    losses = []
    for lesson, (logits, deltas) in zip(lessons, predictions, strict=True):
        classes, boxes = region_losses(logits, deltas, lesson.regions, options)
        # Only foreground has a box loss, but all regions divide it, so that they all have the same
        # weight. A mean would be undefined for a photograph without regions: one that is all crowd
        count = max(1, len(lesson.regions.labels))
        losses.append((classes.sum() / count, boxes.sum() / count, lesson.objectness_loss))
    means = [torch.stack(values).mean() for values in zip(*losses, strict=True)]
    return dict(zip(("classes", "boxes", "objectness"), means, strict=True))


def _pyramids(
    model: RegionClassifier, examples: Sequence[Example], device: torch.device
) -> list[Pyramid]:
    """The maps of each photograph; images of one size go through the trunk together."""
    maps = iter(model.maps([image.to(device) for example in examples for image in example.images]))
    return [
        Pyramid([next(maps) for _ in example.images], example.factors.to(device))
        for example in examples
    ]


def _predict(
    model: RegionClassifier, pyramids: Sequence[Pyramid], regions: Sequence[Regions]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Logits and deltas for the regions of each photograph; all go through the head together."""
    device = pyramids[0].factors.device
    boxes = [torch.from_numpy(chosen.boxes_xyxy).to(device) for chosen in regions]
    cut = [model.regions(*pair) for pair in zip(pyramids, boxes, strict=True)]
    seen = zip(model.cells_of(pyramids), boxes, strict=True)
    around = [context for pair in seen if (context := model.around(*pair)) is not None]
    logits, deltas = model.predict(torch.cat(cut), torch.cat(around) if around else None)
    counts = [len(chosen) for chosen in boxes]
    return zip(logits.split(counts), deltas.split(counts), strict=True)


def _lesson(
    model: RegionClassifier,
    pyramid: Pyramid,
    boxes: Floats,
    example: Example,
    options: TrainingOptions,
) -> Lesson:
    """What a photograph with these proposals (N, 4) teaches."""
    rng = np.random.default_rng([options.loop.seed, 4, *example.key])
    device = pyramid.factors.device
    reduced = model.objectness.reduce(pyramid)
    with torch.no_grad():  # all boxes are scored, but only a few are learned from
        scores = model.objectness.score_boxes(reduced, torch.from_numpy(boxes).to(device))
    torch.clear_autocast_cache()  # so that no later pass reuses casts made without gradients
    hardness = scores.float().cpu().numpy()
    rows, target = sample_objectness(boxes, example.truths, rng)
    logits = model.objectness.score_boxes(reduced, torch.from_numpy(boxes[rows]).to(device))
    loss = F.binary_cross_entropy_with_logits(
        logits.float(), torch.from_numpy(target).to(device), reduction="sum"
    )
    regions = sample_regions(boxes, hardness, example.truths, options, rng)
    return Lesson(regions, loss / max(1, len(rows)))


def detector_losses(
    options: TrainingOptions,
    multibox: MultiBox | None = None,
    multibox_boxes: int = BOXES,
) -> PartLosses:
    """`part_losses` in the form that the training loop calls."""

    def losses(
        model: RegionClassifier, part: Sequence[Example], device: torch.device
    ) -> dict[str, Tensor]:
        return part_losses(model, part, options, device, multibox, multibox_boxes)

    return losses


def freeze_until(model: RegionClassifier, last: str) -> None:
    """Freeze the layers of GoogLeNet up to and including `last`; "" freezes none."""
    names = [name for name, _ in model.network.stages()]
    if last and last not in names:
        raise DetectorError(f"training.freeze: no layer {last!r}; use one of {', '.join(names)}")
    if last:
        for _, layer in list(model.network.stages())[: names.index(last) + 1]:
            layer.requires_grad_(False)


def trunk_is_frozen(model: RegionClassifier) -> bool:
    """Whether every layer that the trunk's map depends on is frozen."""
    trunk = [layer for name, layer in model.network.stages() if name not in HEAD]
    return not any(parameter.requires_grad for layer in trunk for parameter in layer.parameters())
