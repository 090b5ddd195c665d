"""How often the 95 % intervals of AP, mAP and differences hold the true figure, as a table.

    python benchmarks/interval_coverage.py                # minutes; --sets 200 for a first look

Data sets of known AP are drawn: the true figures are those of a million images from the same model.
In that model, images are easy or hard for all of their objects and false detections, objects of a
class come in groups, and the ten classes lie in 50 % to 4 % of the images, which for the rarest is
one or two images of 40. Seeds are fixed: the table is the same each time.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from eval.datasets import Dataset, ImageRecord, Truths, group_by_image
from eval.detections import DetectionTable
from eval.matching import FALSE, TRUE, Matches
from eval.why.average_precision import RULES, Ranked, average_precisions
from eval.why.comparison import compare
from eval.why.intervals import intervals

SHARES = np.array([0.5, 0.35, 0.25, 0.2, 0.15, 0.12, 0.1, 0.08, 0.06, 0.04])  # of images, by class
EASE = np.array([0.3, -0.3, 0.0, 0.5, -0.5, 0.2, -0.2, 0.4, -0.4, 0.0])  # of each class's objects
CLASSES = len(SHARES)
POPULATION = 1_000_000  # images
THRESHOLDS = {"voc": [0.5], "coco": np.linspace(0.5, 0.95, 10).tolist()}
HEAD = """\
| images | rule | true mAP | mAP held | class AP held | difference held | width for mAP |
|---|---|---|---|---|---|---|"""


@dataclass(frozen=True)
class Detector:
    """How well a made-up detector works.

    Attributes
    ----------
    separation
        Distance of the mean score of true detections from that of false ones, in deviations.
    false_rate
        False detections of a class in an image that holds the class.
    log_odds
        Log odds that an object is detected.
    tightness
        The larger, the closer the IoU of true detections is to 1.
    """

    separation: float
    false_rate: float
    log_odds: float
    tightness: float


# VOC's mAP is near 0.2, 0.5 and 0.8. Each is compared with one whose separation is a bit smaller.
WORSE = 0.15
DETECTORS = (
    Detector(0.7, 1.2, -0.3, 1.0),
    Detector(1.2, 0.7, 0.7, 1.6),
    Detector(2.3, 0.36, 1.8, 3.5),
)


class Images(NamedTuple):
    """Images of the model: how easy each is, which classes it holds, and where its objects are.

    Attributes
    ----------
    ease
        (N,) float64.
    present
        (N, classes) bool.
    objects
        (C, 2) int64, image and class of each object, image by image.
    clear
        (C,) float64, how clearly each object is seen, whatever the detector.
    """

    ease: np.ndarray
    present: np.ndarray
    objects: np.ndarray
    clear: np.ndarray


class Found(NamedTuple):
    """Detections: (D,) image, class and score, and the IoU with and row of the object matched."""

    images: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    overlaps: np.ndarray
    truths: np.ndarray


class Held(NamedTuple):
    """Whether an interval held the true figure: of mAP, of each class, of the difference."""

    mean: bool
    classes: list[bool]
    difference: bool
    width: float


def main() -> None:
    """Read the arguments and print a row for every size, rule and detector."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--images", type=int, nargs="+", default=[40, 200, 1000], metavar="N")
    parser.add_argument("--sets", type=int, default=1000, metavar="N", help="data sets in a row")
    arguments = parser.parse_args()
    print(HEAD, flush=True)
    truths = [[true_figures(one, rule) for one in DETECTORS] for rule in THRESHOLDS]
    for images in arguments.images:
        for rule, figures in zip(THRESHOLDS, truths, strict=True):
            for detector, true in zip(DETECTORS, figures, strict=True):
                sets = [*coverage(detector, true, rule, images, arguments.sets)]
                print(row(images, rule, true, sets), flush=True)


def row(images: int, rule: str, true: np.ndarray, sets: list[Held]) -> str:
    """A row of the table from its data sets."""
    shares = (
        np.mean([one.mean for one in sets]),
        np.mean([held for one in sets for held in one.classes]),
        np.mean([one.difference for one in sets]),
    )
    width = np.mean([one.width for one in sets])
    cells = [str(images), rule.upper(), f"{true[0].mean():.3f}"]
    cells += [*(f"{100 * share:.1f} %" for share in shares), f"{width:.3f}"]
    return f"| {' | '.join(cells)} |"


def coverage(
    detector: Detector, true: np.ndarray, rule: str, images: int, sets: int, draws: int = 400
) -> Iterator[Held]:
    """Whether the intervals of each of so many data sets hold the true figures.

    Parameters
    ----------
    true
        (2, classes) float64, the true AP of the detector and of the worse one.
    """
    for number in range(sets):
        rng = np.random.default_rng([images, int(100 * detector.separation), number])
        sample = draw_images(rng, images)
        found = both(rng, sample, detector)
        dataset = dataset_of(sample)
        runs = [matched(one, sample, rule) for one in found]
        own = intervals(runs[0][0], dataset, runs[0][1], draws=draws)
        difference = compare(runs[1], runs[0], dataset, draws=draws).mean
        known = ~np.isnan(own.values)
        mean, change = true[0, known].mean(), (true[0] - true[1])[known].mean()
        measured = ~np.isnan(own.lows)
        inside = (own.lows <= true[0]) & (true[0] <= own.highs)
        yield Held(
            own.mean.low <= mean <= own.mean.high,
            inside[measured].tolist(),
            difference.low <= change <= difference.high,
            own.mean.high - own.mean.low,
        )


def true_figures(detector: Detector, rule: str) -> np.ndarray:
    """(2, classes) float64, the AP of a detector and of the worse one on a million images."""
    rng = np.random.default_rng(0)
    sample = draw_images(rng, POPULATION)
    figures = []
    for found in both(rng, sample, detector):
        order = np.lexsort((-found.scores, found.labels))
        labels = np.sort(sample.objects[:, 1])
        entries = [
            Ranked(
                true=found.overlaps[order] >= threshold,
                images=found.images[order],
                starts=np.searchsorted(found.labels[order], np.arange(CLASSES + 1)),
                object_images=sample.objects[:, 0],
                object_starts=np.searchsorted(labels, np.arange(CLASSES + 1)),
            )
            for threshold in THRESHOLDS[rule]
        ]
        figures.append(np.mean([average_precisions(e, RULES[rule]) for e in entries], axis=0))
    return np.array(figures)


def draw_images(rng: np.random.Generator, images: int) -> Images:
    """Images with their objects."""
    present = rng.random((images, CLASSES)) < SHARES
    counts = np.where(present, 1 + rng.poisson(0.8, present.shape), 0)
    objects = np.repeat(np.argwhere(present), counts[present], axis=0)
    return Images(rng.normal(size=images), present, objects, rng.normal(size=len(objects)))


def detections(rng: np.random.Generator, sample: Images, detector: Detector) -> Found:
    """What the detector finds in the images."""
    of_image, labels = sample.objects.T
    odds = detector.log_odds + 0.5 * EASE[labels] + 0.7 * sample.ease[of_image]
    truths = np.flatnonzero(rng.random(len(odds)) < 1 / (1 + np.exp(-odds)))
    of_image, labels, ease = of_image[truths], labels[truths], sample.ease[of_image[truths]]
    scores = detector.separation + EASE[labels] + 0.5 * ease
    scores += 0.8 * sample.clear[truths] + 0.6 * rng.normal(size=len(truths))
    overlaps = 1 - 0.5 * rng.beta(1.2, detector.tightness, len(truths)) ** np.exp(0.2 * ease)

    rates = detector.false_rate * np.where(sample.present, 1.0, 0.1)
    counts = rng.poisson(rates * np.exp(-0.4 * sample.ease)[:, None])
    wrong_images, wrong_labels = np.repeat(np.argwhere(counts), counts[counts > 0], axis=0).T
    wrong_scores = rng.normal(size=len(wrong_images)) - 0.3 * sample.ease[wrong_images]
    nowhere = np.full(len(wrong_images), -1)
    return Found(
        np.concatenate([of_image, wrong_images]),
        np.concatenate([labels, wrong_labels]),
        np.concatenate([scores, wrong_scores]),
        np.concatenate([overlaps, nowhere]),
        np.concatenate([truths, nowhere]),
    )


def both(rng: np.random.Generator, sample: Images, detector: Detector) -> list[Found]:
    """What the detector finds, and what a slightly worse one does."""
    worse = replace(detector, separation=detector.separation - WORSE)
    return [detections(rng, sample, one) for one in (detector, worse)]


def dataset_of(sample: Images) -> Dataset:
    """The images as a data set; boxes play no part, because the matches are known."""
    none = np.zeros(len(sample.objects), dtype=bool)
    return group_by_image(
        [ImageRecord(i, f"{i}.jpg", 100, 100) for i in range(len(sample.ease))],
        [f"class {k}" for k in range(CLASSES)],
        range(CLASSES),
        Truths(np.zeros((len(none), 4)), sample.objects[:, 1], none + 1.0, none, none),
        sample.objects[:, 0],
    )


def matched(found: Found, sample: Images, rule: str) -> tuple[DetectionTable, list[Matches]]:
    """Detections with their matches at the thresholds of a rule."""
    images, labels = found.images.astype(np.int32), found.labels.astype(np.int32)
    table = DetectionTable(images, labels, np.zeros((len(images), 4)), found.scores)
    counted = np.ones(len(sample.objects), dtype=bool)
    several = []
    for threshold in THRESHOLDS[rule]:
        true = found.overlaps >= threshold
        outcomes = np.where(true, TRUE, FALSE).astype(np.int8)
        truths = np.where(true, found.truths, -1).astype(np.int32)
        several.append(Matches(rule, threshold, outcomes, truths, counted))
    return table, several


if __name__ == "__main__":
    main()
