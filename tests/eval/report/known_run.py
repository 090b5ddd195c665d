"""A small run whose errors, and their order on the page, are worked out by hand.

Seven images; A and B are two places in an image. At the score threshold 0.5, which has the best F1
(16 / (12 + 11)), 8 of 11 objects are found and 4 of 12 detections are false:

    1.jpg  dog at A, detected as cat 0.90: wrong class, the dog is missed
    2.jpg  dog at A, found 0.95; noise 0.10, below the threshold
    3.jpg  dog at A, detected as cat 0.80: wrong class, missed; cat at B, found 0.97
    4.jpg  cat at A, found 0.50
    5.jpg  cat at A, found 0.99 and again 0.85: duplicate; dog 0.70 where nothing is: background
    6.jpg  four dogs, all found at 0.50
    7.jpg  cat at A, missed, nothing near

The page shows first the images with the highest false scores, each class at most twice: 1 and 5
(the image of the third, 3.jpg, is of a class that was shown twice). Then come those with missed
objects that were not shown: 3 and 7. The others have no errors and keep their order: 2, 4, 6.
"""

from __future__ import annotations

from pathlib import Path

from eval import evaluate
from eval.reading import read_detections
from eval.report import write_report
from tests.eval.cases import Box, dataset_of, found, truth
from tests.eval.report.made_reports import DAY, Made

CAT, DOG = 1, 2
A: Box = (100, 100, 400, 400)
B: Box = (500, 500, 900, 900)
CORNER: Box = (800, 0, 950, 90)
SHOWN = (1, 5, 3, 7, 2, 4, 6)
ROW: list[Box] = [(x, 600, x + 150, 800) for x in (50, 250, 450, 650)]

TRUTHS = [
    *(truth(image, DOG, A) for image in (1, 2, 3)),
    truth(3, CAT, B),
    *(truth(image, CAT, A) for image in (4, 5, 7)),
    *(truth(6, DOG, box) for box in ROW),
]
DETECTIONS = [
    found(1, CAT, A, 0.9),
    found(2, DOG, A, 0.95),
    found(2, CAT, CORNER, 0.1),
    found(3, CAT, A, 0.8),
    found(3, CAT, B, 0.97),
    found(4, CAT, A, 0.5),
    found(5, CAT, A, 0.99),
    found(5, CAT, A, 0.85),
    found(5, DOG, CORNER, 0.7),
    *(found(6, DOG, box, 0.5) for box in ROW),
]
# One colour for each picture: frames must be seen on all of them.
COLOURS = ("white", "black", "#ff9f40", "#6fcbff", "#808080", "#d00000", "#008000")


def known_run(folder: Path, names: tuple[str, str] = ("cat", "dog")) -> Made:
    dataset = dataset_of(folder, TRUTHS, 7, list(names))
    table = read_detections(DETECTIONS, dataset)
    return evaluate(table, dataset), table, dataset


def known_report(folder: Path) -> Path:
    """The address of the page about the run, with a picture of one colour for each image."""
    from PIL import Image

    for number, colour in enumerate(COLOURS, start=1):
        Image.new("RGB", (1000, 1000), colour).save(folder / f"{number}.jpg")
    return write_report(folder / "report", *known_run(folder), images=folder, date=DAY)
