"""The recipe for somebody's own data set, derived from its boxes and pictures alone.

Sizes and lengths follow the data; the rest is the same for all. The numbers below come from two
data sets, photographs and shelves of a shop. What surrounds an object matters most on the shelves:
there a linear classifier over GoogLeNet's averages of the training regions has a mean average
precision of 40 (three folds), and of 50 where it sees the surroundings too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from detector.networks.regions import CANVAS
from detector.recipes import NetworkOptions, Recipe, TrainingOptions
from detector.training.photographs import repeat_factors
from detector.training_loop.splits import SPLIT_SEED, classes_present, split_validation
from eval import Dataset

OBJECT_SIDE = 176  # pixels that the network should see of the median object: 11 cells of its map
SHORT_SIDES = 320, 640  # what two processor cores can bear
PYRAMID = 0.667, 0.444  # large objects too are seen about as large as GoogLeNet knows them
CONTEXT = 1.5, 2.5, 10.0  # of one kind on a shelf there are many; 10 is most of the picture
INITIAL = "voc20"  # knows what an object is and how boxes miss it: 3 points in validation
SEEN = 10_700  # photographs, while learning, over all epochs
TOGETHER = 2  # photographs of a step, in one pass
REGIONS, FOREGROUND = 24, 0.375  # of a photograph; few, for more photographs
EPOCHS = 1, 40
MULTIBOX_SEEN = 16000  # cheap: each photograph's map is computed once
# About so many pictures are held out, within these shares. Nothing is chosen by them, so what
# more of them could teach is worth more than a closer figure
HELD_OUT, HELD_OUT_SHARES = 75, (0.05, 0.1)


class Sizes(NamedTuple):
    """Medians over a data set, in pixels of its pictures."""

    short: float  # of a picture's sides
    aspect: float  # long by short side, not exceeded by 95 of 100 pictures
    object: float  # square root of a box's area
    small: float  # the same, exceeded by 95 of 100 boxes


def derive_recipe(dataset: Dataset, name: str) -> Recipe:
    """Sizes, schedule and validation split for this data; needs at least one box and picture.

    Parameters
    ----------
    dataset
        With heights and widths of the pictures.
    name
        Of the recipe.
    """
    sizes = measure(dataset)
    recipe = Recipe(name=name, description=f"derived from {dataset.source}")
    short = round_to(CANVAS, OBJECT_SIDE / sizes.object * sizes.short, *SHORT_SIDES)
    scales = sorted({round_to(CANVAS, share * short) for share in (0.75, 0.875, 1, 1.125)})
    held_out = 0.0
    if len(dataset) >= 20:  # of fewer, none can be spared
        held_out = round(float(np.clip(HELD_OUT / len(dataset), *HELD_OUT_SHARES)), 3)
    learned = max(1, round(len(dataset) * (1 - held_out)))
    repeated = learned * _mean_repeats(dataset, recipe.training)
    smallest = sizes.small * 500 / (sizes.short * sizes.aspect)  # about, at the search's width
    return replace(
        recipe,
        network=replace(
            recipe.network,
            short_side=short,
            long_side=round_to(16, scales[-1] * sizes.aspect),  # bounds all the scales
            pyramid=PYRAMID,
            context=CONTEXT,
            mirror=True,  # half a point for half as much time again
        ),
        proposals=replace(recipe.proposals, min_side=round_to(1, 0.7 * smallest, 8, 20)),
        training=replace(
            recipe.training,
            epochs=float(round_to(1, SEEN / repeated, *EPOCHS)),
            short_sides=tuple(scales),
            regions_per_image=REGIONS,
            foreground_fraction=FOREGROUND,
            freeze="3b",  # two trained stages more cost a fifth of the time
            images_per_step=TOGETHER,
            images_per_part=TOGETHER,
            # Other light and other interpolation would be learned instead of the classes: in three
            # epochs, validation is 2.6 points better without
            photometric=False,
            random_interpolation=False,
            initial=INITIAL,
            label_smoothing=0.1,
            validation_fraction=held_out,
        ),
        postprocess=replace(
            recipe.postprocess,
            vote_iou=0.6,
            visualize_threshold=0.3,  # smoothed labels make the network say less than it knows
        ),
        multibox=replace(
            recipe.multibox, epochs=float(round_to(1, MULTIBOX_SEEN / learned, 5, 100))
        ),
    )


def measure(dataset: Dataset) -> Sizes:
    """The sizes that decide how large the network should see the pictures."""
    sides = np.array([(image.height, image.width) for image in dataset.images], np.float64)
    truths = dataset.all_truths
    if not truths.ignored.all():
        truths = truths[~truths.ignored]  # a crowd's box is no object's
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
    """What was derived and from what, a line each."""
    sizes, names = measure(dataset), dataset.class_names
    shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    network, training = recipe.network, recipe.training
    scale = network.short_side / sizes.short
    fraction = training.validation_fraction
    held = len(split_validation(dataset, fraction, SPLIT_SEED)[1])
    passes = round(training.epochs * (len(dataset) - held) * _mean_repeats(dataset, training))
    return [
        f"{len(names)} classes: {shown}",
        f"{len(dataset):,} pictures with {len(dataset.all_truths):,} objects; the median object "
        f"measures {sizes.object:.0f} pixels, the median picture's short side {sizes.short:.0f}",
        f"short side {network.short_side} (times {scale:.1f}), so that the network sees "
        f"{sizes.object * scale:.0f} pixels of the median object; learned at "
        f"{', '.join(map(str, training.short_sides))}",
        *_extras(network),
        f"learning begins with the network of {training.initial}"
        if training.initial
        else "learning begins with the ImageNet weights",
        f"{training.epochs:g} epochs, about {passes:,} pictures seen; MultiBox "
        f"{recipe.multibox.epochs:g} epochs",
        f"{held} pictures held out to validate on, about {100 * fraction:.2g}% of each class"
        if held
        else "too few pictures to hold any out for validation",
    ]


def _mean_repeats(dataset: Dataset, options: TrainingOptions) -> float:
    """How often a photograph comes in an epoch, in the mean: those of rare classes come again."""
    return float(repeat_factors(classes_present(dataset), options.repeat_threshold).mean())


def _extras(network: NetworkOptions) -> list[str]:
    """What of a photograph is seen besides, if anything."""
    said = []
    if network.pyramid:
        smaller = (round(scale * network.short_side) for scale in network.pyramid)
        said.append(f"large objects at {' and '.join(map(str, smaller))}")
    if network.context:
        said.append(
            f"what is around them, {', '.join(f'{k:g}' for k in network.context)} times as large"
        )
    if network.mirror:
        said.append("all of it mirrored")
    return [f"seen besides: {'; '.join(said)}"] if said else []


def round_to(step: int, value: float, low: float = 1, high: float = 1e9) -> int:
    """The multiple of `step` nearest to `value`, between `low` and `high`."""
    return int(np.clip(round(value / step) * step, low, high))
