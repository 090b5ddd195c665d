"""The validation split: every class gives its share and keeps at least one photograph."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.training_loop.splits import split_validation
from eval import Dataset
from eval.datasets import ImageRecord, Truths, group_by_image

CLASSES = 5


def dataset(classes_of: list[list[int]], ignored: bool = False) -> Dataset:
    """A data set with one picture per list of classes."""
    pairs = [(image, label) for image, labels in enumerate(classes_of) for label in labels]
    images, labels = np.array(pairs, np.int64).reshape(-1, 2).T
    count = len(labels)
    truths = Truths(
        np.tile([1.0, 2.0, 3.0, 4.0], (count, 1)), labels, np.full(count, 12.0),
        np.full(count, ignored), np.zeros(count, bool),
    )  # fmt: skip
    records = [ImageRecord(i, f"{i}.png", 10, 10) for i in range(len(classes_of))]
    names = [f"class {k}" for k in range(CLASSES)]
    return group_by_image(records, names, range(CLASSES), truths, images)


pictures = st.lists(st.lists(st.integers(0, CLASSES - 2), max_size=4), max_size=60)


@settings(max_examples=60, deadline=None)
@given(pictures, st.sampled_from([0.0, 0.1, 0.2, 0.5, 0.9]), st.integers(0, 5))
def test_every_class_gives_its_share_and_keeps_a_photograph(
    classes_of: list[list[int]], fraction: float, seed: int
) -> None:
    source = dataset(classes_of)
    training, held = split_validation(source, fraction, seed)
    assert sorted(training + held) == list(range(len(classes_of)))
    assert training == sorted(training) and held == sorted(held)
    assert split_validation(source, fraction, seed) == (training, held)

    present = [set(labels) for labels in classes_of]
    kept = [[image for image in training if label in present[image]] for label in range(CLASSES)]
    last = {images[0] for images in kept if len(images) == 1}
    for label in range(CLASSES):
        of_class = [image for image, labels in enumerate(present) if label in labels]
        if of_class:
            assert kept[label]
        # Short of its share only where each of the others is the last of some class
        given_away = len(of_class) - len(kept[label])
        assert given_away >= round(fraction * len(of_class)) or set(kept[label]) <= last
    # Every photograph that was held out was so for a class that lacked it, or for the empty ones
    shares = sum(round(fraction * sum(k in labels for labels in present)) for k in range(CLASSES))
    assert len(held) <= shares + round(fraction * len(classes_of))
    if not fraction:
        assert not held


def test_classes_that_never_meet_give_exactly_their_share() -> None:
    # 50 of class 0, 20 of class 1, 4 of class 2, class 3 alone once; class 4 nowhere; 30 empty
    classes_of = [[0]] * 50 + [[1]] * 20 + [[2]] * 4 + [[3]] + [[]] * 30
    held = split_validation(dataset(classes_of), 0.2, seed=1)[1]
    labels = [classes_of[image][0] if classes_of[image] else None for image in held]
    counts = [labels.count(label) for label in (0, 1, 2, 3, None)]
    # Of 105 photographs 21 are held out: what the classes leave of that is empty
    assert counts == [10, 4, 1, 0, 6]


def test_classes_too_small_for_a_share_give_one_together() -> None:
    # Twenty classes of 5: a tenth of each is half a photograph
    alone = [[label] for label in range(CLASSES)] * 4
    held = split_validation(dataset(alone), 0.1, seed=0)[1]
    assert len(held) == 2
    # Beside a class of 20, which gives its 2, four of 4 give 0.1 * 16 together
    held = split_validation(dataset(alone[: 4 * CLASSES] + [[0]] * 16), 0.1, seed=0)[1]
    assert [image for image in held if image >= 20 or not image % CLASSES]
    assert len(held) == 4


def test_another_seed_draws_others() -> None:
    source = dataset([[0], [1]] * 50)
    one, two = (split_validation(source, 0.1, seed)[1] for seed in (0, 1))
    assert len(one) == len(two) == 10 and one != two


def test_the_last_photograph_of_a_class_is_learned_from() -> None:
    # Class 1 is in one photograph only, with class 0, of which half are wanted
    for seed in range(8):
        training, held = split_validation(dataset([[0, 1], [0], [0], [0]]), 0.5, seed)
        assert 0 in training and len(held) == 2


def test_what_is_ignored_is_of_no_class() -> None:
    training, held = split_validation(dataset([[0], [0], [1], []], ignored=True), 0.5, seed=0)
    assert len(training) == len(held) == 2


def test_no_photographs_at_all() -> None:
    assert split_validation(dataset([]), 0.1, seed=0) == ([], [])
