"""The recipe for a user's own data set, derived from its boxes and pictures alone.

Image sizes and the length of training follow from the data; everything else is the same for all.
The numbers below were chosen on two data sets, photographs and shelves of a shop. The surroundings
of an object matter most on the shelves: a linear classifier over GoogLeNet's averages of the
training regions has a mean average precision of 40 there (three folds), and of 50 where it sees the
surroundings as well.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from detector.networks.regions import CANVAS
from detector.recipes import (
    MultiBoxOptions,
    NetworkOptions,
    PostprocessOptions,
    ProposalOptions,
    Recipe,
    TrainingOptions,
)
from detector.training.photographs import repeat_factors
from detector.training_loop.splits import SPLIT_SEED, classes_present, split_validation
from eval import Dataset

OBJECT_SIDE = 176  # pixels of the median object after scaling: 11 cells of the network's map
SHORT_SIDES = 320, 640  # lowest and highest; more takes too long on two processor cores
PYRAMID = 0.667, 0.444  # smaller scales show large objects at the size GoogLeNet was trained on
CONTEXT = 1.5, 2.5, 10.0  # goods of one kind stand together on a shelf; 10 is most of the picture
INITIAL = "voc20"  # its network has learned objects and boxes: 3 points in validation
SEEN = 10_700  # photographs over all epochs of training
TOGETHER = 2  # photographs in a step, at one scale and in one pass
REGIONS, FOREGROUND = 24, 0.375  # of a photograph; few regions, so that more photographs are seen
EPOCHS = 1, 40  # fewest and most
MULTIBOX_SEEN = 16_000  # photographs; cheap, since the map of each is computed once
# The number of pictures held out, and the lowest and highest share of all that they may be. No
# setting is chosen by them, so learning from more pictures is worth more than a precise figure
HELD_OUT, HELD_OUT_SHARES = 75, (0.05, 0.1)


class Sizes(NamedTuple):
    """Sizes in a data set, in pixels of its pictures."""

    short: float  # median short side of the pictures
    aspect: float  # long by short side, not exceeded by 95 % of the pictures
    object: float  # median side of the boxes: the square root of a box's area
    small: float  # side that 95 % of the boxes exceed


def derive_recipe(dataset: Dataset, name: str) -> Recipe:
    """Derive sizes, schedule and validation split from data with at least one box.

    Parameters
    ----------
    dataset
        A data set that states the heights and widths of its pictures.
    name
        Name of the recipe.
    """
    sizes, base = measure(dataset), Recipe()
    short = round_to(CANVAS, OBJECT_SIDE / sizes.object * sizes.short, *SHORT_SIDES)
    scales = sorted({round_to(CANVAS, share * short) for share in (0.75, 0.875, 1, 1.125)})
    held_out = 0.0
    if len(dataset) >= 20:  # of fewer, none can be spared
        held_out = round(float(np.clip(HELD_OUT / len(dataset), *HELD_OUT_SHARES)), 3)
    learned = max(1, round(len(dataset) * (1 - held_out)))
    seen = learned * _mean_repeats(dataset, base.training)  # in an epoch
    smallest = sizes.small * 500 / (sizes.short * sizes.aspect)  # about, at the search's width
    multibox_epochs = round_to(1, MULTIBOX_SEEN / learned, 5, 100)
    return Recipe(
        name=name,
        description=f"derived from {dataset.source}",
        proposals=ProposalOptions(min_side=round_to(1, 0.7 * smallest, 8, 20)),
        multibox=MultiBoxOptions(loop=replace(base.multibox.loop, epochs=float(multibox_epochs))),
        network=NetworkOptions(
            short_side=short,
            long_side=round_to(16, scales[-1] * sizes.aspect),  # large enough for all the scales
            pyramid=PYRAMID,
            context=CONTEXT,
            mirror=True,  # half a point of mAP for half as much time again
        ),
        postprocess=PostprocessOptions(
            vote_iou=0.6,
            visualize_threshold=0.3,  # label smoothing lowers the scores
        ),
        training=TrainingOptions(
            loop=replace(
                base.training.loop,
                epochs=float(round_to(1, SEEN / seen, *EPOCHS)),
                images_per_step=TOGETHER,
            ),
            initial=INITIAL,
            freeze="3b",  # training 3a and 3b too costs a fifth of the time
            validation_fraction=held_out,
            short_sides=tuple(scales),
            images_per_scale=TOGETHER,
            # Photographs in other light or with other interpolation would be learned at the cost of
            # the classes: after three epochs, validation is 2.6 points better without
            photometric=False,
            random_interpolation=False,
            regions_per_image=REGIONS,
            foreground_fraction=FOREGROUND,
            label_smoothing=0.1,
        ),
    )


def measure(dataset: Dataset) -> Sizes:
    """Measure the sizes that decide at which scale the network sees the pictures."""
    sides = np.array([(image.height, image.width) for image in dataset.images], np.float64)
    truths = dataset.all_truths
    if not truths.ignored.all():
        truths = truths[~truths.ignored]  # the box of a crowd is no object's
    boxes = truths.boxes_xywh
    objects = np.sqrt(np.maximum(boxes[:, 2] * boxes[:, 3], 1))
    aspect = np.quantile(sides.max(1) / sides.min(1), 0.95)
    return Sizes(
        float(np.median(sides.min(1))),
        float(min(aspect, 2.0)),
        float(np.median(objects)),
        float(np.quantile(objects, 0.05)),
    )


def explain(recipe: Recipe, dataset: Dataset) -> list[str]:
    """Lines that explain what was derived, and from what."""
    sizes, names = measure(dataset), dataset.class_names
    shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    network, training = recipe.network, recipe.training
    scale = network.short_side / sizes.short
    fraction = training.validation_fraction
    held_out = len(split_validation(dataset, fraction, SPLIT_SEED)[1])
    seen = training.loop.epochs * (len(dataset) - held_out) * _mean_repeats(dataset, training)
    short_sides = ", ".join(map(str, training.short_sides))
    return [
        f"{len(names)} classes: {shown}",
        f"{len(dataset):,} pictures with {len(dataset.all_truths):,} objects; the median object "
        f"measures {sizes.object:.0f} pixels, the median picture's short side {sizes.short:.0f}",
        f"short side {network.short_side} (scaled by {scale:.1f}), so that the median object "
        f"measures {sizes.object * scale:.0f} pixels; trained at {short_sides}",
        *_further_views(network),
        f"training starts from the network of {training.initial}"
        if training.initial
        else "training starts from the ImageNet weights",
        f"{training.loop.epochs:g} epochs, about {round(seen):,} pictures seen; "
        f"MultiBox {recipe.multibox.loop.epochs:g} epochs",
        f"{held_out} pictures held out to validate on, about {100 * fraction:.2g} % of each class"
        if held_out
        else "too few pictures to hold any out for validation",
    ]


def _mean_repeats(dataset: Dataset, options: TrainingOptions) -> float:
    """How often a photograph comes in an epoch, on average; those of rare classes are repeated."""
    return float(repeat_factors(classes_present(dataset), options.repeat_threshold).mean())


def _further_views(network: NetworkOptions) -> list[str]:
    """A line that lists the network's views beyond the first scale; no line if there are none."""
    views = []
    if network.pyramid:
        smaller = (round(scale * network.short_side) for scale in network.pyramid)
        views.append(f"large objects at {' and '.join(map(str, smaller))}")
    if network.context:
        factors = ", ".join(f"{factor:g}" for factor in network.context)
        views.append(f"the surroundings, {factors} times as large as the region")
    if network.mirror:
        views.append("everything mirrored")
    return [f"further views: {'; '.join(views)}"] if views else []


def round_to(step: int, value: float, low: float = 1, high: float = 1e9) -> int:
    """The multiple of `step` nearest to `value`, between `low` and `high`."""
    return int(np.clip(round(value / step) * step, low, high))
