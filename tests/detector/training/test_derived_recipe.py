"""Derived recipes: sizes that follow from the data, within limits that two cores can handle."""

from __future__ import annotations

import numpy as np
import pytest

from detector.recipes import Recipe, recipe_from_dict
from detector.training.derived_recipe import derive_recipe, explain, measure, round_to
from detector.training_loop.splits import SPLIT_SEED, split_validation
from eval import Dataset
from eval.datasets import ImageRecord, Truths, group_by_image


def dataset(
    count: int, height: int, width: int, side: float, crowd: float = 0.0, names: int = 2
) -> Dataset:
    """Pictures with one square object each, and optionally the box of a crowd beside it."""
    sides = np.array([side] * count + [crowd] * (count if crowd else 0))
    total = len(sides)
    boxes = np.stack([np.zeros(total), np.zeros(total), sides, sides], axis=1)
    truths = Truths(
        boxes, np.zeros(total, np.int64), sides**2, np.zeros(total, bool),
        np.arange(total) >= count,
    )  # fmt: skip
    images = [ImageRecord(i, f"{i}.png", height, width) for i in range(count)]
    labels = [f"class {k}" for k in range(names)]
    return group_by_image(
        images, labels, range(names), truths, np.arange(total) % count, source="mine.json"
    )


def bounded(recipe: Recipe) -> bool:
    """Whether a recipe is valid and within the limits of two processor cores."""
    network, training = recipe.network, recipe.training
    assert recipe_from_dict(recipe.to_dict()) == recipe
    sizes = (network.short_side, network.long_side, *training.short_sides)
    assert all(size % 64 == 0 for size in (network.short_side, *training.short_sides))
    assert min(sizes) >= 240 and max(sizes) <= 1440
    # No scale of training is cut short by the long side in a picture of the usual shape
    assert max(training.short_sides) <= network.long_side
    return 1 <= training.loop.epochs <= 40 and 5 <= recipe.multibox.loop.epochs <= 100


def test_the_median_object_is_seen_eleven_cells_wide() -> None:
    # 300 x 400 pictures, objects of 165 pixels: 176 / 165 * 300 = 320
    recipe = derive_recipe(dataset(1000, 300, 400, 165), "mine")
    assert recipe.network.short_side == 320 and recipe.training.short_sides == (256, 320, 384)
    assert recipe.network.long_side == 512  # 384 * 4 / 3
    assert bounded(recipe) and recipe.name == "mine"
    # 10,700 pictures of 925 that are learned from, and 16,000
    assert recipe.training.validation_fraction == 0.075
    assert recipe.training.loop.epochs == 12 and recipe.multibox.loop.epochs == 17
    # Half as large objects are seen twice as large
    assert derive_recipe(dataset(30, 300, 400, 82.5), "").network.short_side == 640


@pytest.mark.parametrize(
    ("count", "height", "width", "side", "short", "epochs"),
    [
        (50, 1000, 1000, 4.0, 640, 40),  # tiny objects
        (50, 6000, 8000, 900.0, 640, 40),  # pictures of a camera; 1173 were wanted
        (50, 6000, 8000, 5000.0, 320, 40),  # filled by their objects
        (50, 20, 4000, 15.0, 320, 40),  # strips
        (3, 480, 640, 200.0, 448, 40),
        (100_000, 480, 640, 200.0, 448, 1),
        (1, 8, 8, 0.0, 640, 40),
    ],
)
def test_any_data_gives_a_recipe_that_can_be_used(
    count: int, height: int, width: int, side: float, short: int, epochs: int
) -> None:
    source = dataset(count, height, width, side)
    recipe = derive_recipe(source, "mine")
    assert bounded(recipe)
    assert recipe.network.short_side == short and recipe.training.loop.epochs == epochs
    # The search keeps boxes from 8 to 20 pixels up, whatever the objects measure
    assert 8 <= recipe.proposals.min_side <= 20
    held_out = 0.05 if count > 10_000 else 0.1
    assert recipe.training.validation_fraction == (held_out if count >= 20 else 0)
    assert all(line and "\n" not in line for line in explain(recipe, source))


@pytest.mark.parametrize(("classes", "times"), [(10, 1), (200, 10**0.5), (800, 40**0.5)])
def test_rare_classes_come_again_and_are_counted(classes: int, times: float) -> None:
    """800 pictures of one class each: a class in 1 of 200 is repeated sqrt(0.05 * 200) times."""
    source = dataset(800, 300, 400, 165, names=classes)
    truths = source.all_truths
    labels = np.arange(800) % classes
    source = group_by_image(
        source.images, source.class_names, source.category_ids,
        Truths(truths.boxes, labels, truths.areas, truths.difficult, truths.crowd), np.arange(800),
    )  # fmt: skip
    recipe = derive_recipe(source, "mine")
    learned = len(split_validation(source, recipe.training.validation_fraction, SPLIT_SEED)[0])
    assert recipe.training.loop.epochs == round(10_700 / (800 - 75) / times)
    line = f"about {round(recipe.training.loop.epochs * learned * times):,} pictures seen"
    assert any(line in explained for explained in explain(recipe, source))


def test_small_objects_are_searched_for() -> None:
    # 12 of 1000 pixels are 6 of 500; 0.7 times 6 is about 4, and 8 is the least
    assert derive_recipe(dataset(50, 1000, 1000, 12), "").proposals.min_side == 8
    # 30 of 1000 pixels are 15 of 500; 0.7 times 15 is 10.5
    assert derive_recipe(dataset(50, 1000, 1000, 30), "").proposals.min_side in (10, 11)
    assert derive_recipe(dataset(50, 1000, 1000, 300), "").proposals.min_side == 20


def test_crowds_count_only_if_there_is_nothing_else() -> None:
    assert measure(dataset(10, 300, 400, 50, crowd=290)).object == 50
    source = dataset(10, 300, 400, 50)
    crowds = np.ones(10, bool)
    truths = source.all_truths
    only = group_by_image(
        source.images, source.class_names, source.category_ids,
        Truths(truths.boxes, truths.labels, truths.areas, ~crowds, crowds), np.arange(10),
    )  # fmt: skip
    assert measure(only).object == 50


def test_the_explanation_names_what_was_derived() -> None:
    source = dataset(1000, 300, 400, 165, names=11)
    text = "\n".join(explain(derive_recipe(source, "mine"), source))
    for words in (
        "11 classes: class 0, class 1,", "class 7, ...", "1,000 pictures with 1,000 objects",
        "measures 165 pixels, the median picture's short side 300",
        "short side 320 (scaled by 1.1), so that the median object measures 176 pixels",
        "trained at 256, 320, 384",
        "large objects at 213 and 142; the surroundings, 1.5, 2.5, 10 times as large as the "
        "region; everything mirrored",
        "training starts from the network of voc20", "12 epochs, about 11,100 pictures",
        "MultiBox 17 epochs", "75 pictures held out to validate on, about 7.5 % of each class",
    ):  # fmt: skip
        assert words in text, words
    few = dataset(3, 300, 400, 150)
    text = "\n".join(explain(derive_recipe(few, "mine"), few))
    assert "40 epochs, about 120 pictures seen" in text and "too few pictures to hold any" in text


def test_rounding_to_a_multiple_within_bounds() -> None:
    assert [round_to(16, value, 32, 64) for value in (1, 39, 41, 1e12)] == [32, 32, 48, 64]
