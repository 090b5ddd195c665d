"""Top-1 and top-5 error of a classifier over a folder of labelled pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from torch import Tensor
from torch.utils.data import DataLoader

from detector.classification.class_folder import ClassFolder
from detector.classification.classifier import Classifier
from detector.classification.multi_crop import multi_crop
from detector.console import track
from detector.errors import DetectorError
from detector.files.names import printable
from detector.pictures.reading import read_image
from detector.training_loop.parts import start_worker


@dataclass(frozen=True)
class ClassificationReport:
    """Error rates over the pictures that could be read."""

    pictures: int
    unreadable: int
    classes: int
    networks: int
    crops: int
    top1_error: float  # fraction of pictures whose likeliest class is not theirs
    top5_error: float  # fraction of pictures whose five likeliest classes do not include theirs

    def table(self) -> str:
        """Two lines of text."""
        columns = {
            "pictures": f"{self.pictures:,}",
            "unreadable": f"{self.unreadable:,}",
            "classes": f"{self.classes:,}",
            "networks": str(self.networks),
            "crops": str(self.crops),
            "top-1 error": f"{100 * self.top1_error:.2f} %",
            "top-5 error": f"{100 * self.top5_error:.2f} %",
        }
        lines: tuple[list[str], list[str]] = ([], [])
        for name, value in columns.items():
            width = max(len(name), len(value))
            lines[0].append(name.rjust(width))
            lines[1].append(value.rjust(width))
        return "\n".join("  ".join(line) for line in lines)


def measure(
    classifier: Classifier, folder: ClassFolder, crops: int, console: Console
) -> ClassificationReport:
    """Classify every picture of a folder; unreadable ones are reported and do not count.

    Raises
    ------
    DetectorError
        A class that the networks do not have, or no readable picture.
    """
    columns = classifier.columns(folder)
    ranks: list[int] = []
    unreadable: list[str] = []
    results = _classify(classifier, folder, crops)
    for result in track(results, "classifying", len(folder), console=console):
        if isinstance(result, str):
            unreadable.append(result)
            console.print(result, markup=False, highlight=False, soft_wrap=True)
        else:
            probabilities, label = result
            ranks.append(rank(probabilities, columns[label]))
    if not ranks:
        raise DetectorError(
            f"{printable(folder.root)}: none of its {len(folder)} pictures can be read; check them"
        )
    return ClassificationReport(
        len(ranks), len(unreadable), len(folder.class_names), len(classifier.networks), crops,
        float(np.mean(np.array(ranks) >= 1)), float(np.mean(np.array(ranks) >= 5)),
    )  # fmt: skip


def rank(probabilities: NDArray[np.float32], column: int) -> int:
    """How many other classes are at least as likely, so that a tie counts as an error."""
    return int((probabilities >= probabilities[column]).sum()) - 1


def _classify(
    classifier: Classifier, folder: ClassFolder, crops: int
) -> Iterator[tuple[NDArray[np.float32], int] | str]:
    """For each picture its probabilities and label, or the reason why it cannot be read."""
    loader: DataLoader[Any] = DataLoader(
        _Windows(folder, crops, classifier.side),  # type: ignore[arg-type]  # a map-style data set
        batch_size=max(1, classifier.crops_per_pass // crops),
        collate_fn=_unchanged,
        num_workers=4 if classifier.device.type == "cuda" else 0,
        worker_init_fn=start_worker,
    )
    for items in loader:
        read = [windows for windows, _ in items if windows is not None]
        probabilities = iter(classifier.average(torch.cat(read), crops) if read else ())
        for windows, about in items:
            yield about if windows is None else (next(probabilities), about)


class _Windows:
    """Item `i`: the crops of picture `i` and its label, or None and why it is unreadable."""

    def __init__(self, folder: ClassFolder, crops: int, side: int) -> None:
        self.folder, self.crops, self.side = folder, crops, side

    def __len__(self) -> int:
        return len(self.folder)

    def __getitem__(self, index: int) -> tuple[Tensor, int] | tuple[None, str]:
        try:
            image = read_image(self.folder.path(index))
        except DetectorError as error:
            return None, str(error)
        return multi_crop(image, self.crops, self.side), int(self.folder.labels[index])


def _unchanged(items: list[Any]) -> list[Any]:
    return items
