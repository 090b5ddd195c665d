"""The boxes that a run learns from: selective search's, and those of MultiBox where it has one."""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from rich.console import Console

from detector.console import track
from detector.pictures.dataset_folder import read_photograph
from detector.pictures.reading import read_image
from detector.pipeline import Detector
from detector.recipes import ProposalOptions
from detector.recipes.search_options import search_options
from detector.weights_file import load_tensors, save_tensors
from eval import Dataset
from proposals.batch import selective_search_many
from proposals.cache import ProposalCache
from proposals.result import Proposals


def searched_proposals(
    dataset: Dataset,
    folder: Path,
    options: ProposalOptions,
    cache: ProposalCache | None,
    console: Console,
) -> list[Proposals]:
    """Selective search of every photograph, from the cache where it has it.

    All are read for it, so that one of other sides than its data set says is told before learning.
    """
    readers = [
        partial(read_photograph, folder / record.file_name, (record.height, record.width))
        for record in dataset.images
    ]
    computed = selective_search_many(readers, cache=cache, **search_options(options))
    return list(track(computed, "proposals", len(readers), console=console))


class MultiBoxSource(NamedTuple):
    """What decides the boxes of MultiBox that a run learns from: whose, how many, of what."""

    proposer: Detector
    boxes: int  # the likeliest of each photograph
    dataset: Dataset
    folder: Path
    images: list[int]  # numbers of its photographs

    def digest(self) -> str:
        """Tells these boxes from any other, but for the rounding of the device."""
        records = [self.dataset.images[index] for index in self.images]
        words = repr((self.proposer.digest(), self.boxes, records))
        return hashlib.sha256(words.encode("utf-8", "backslashreplace")).hexdigest()


def kept_multibox(source: MultiBoxSource, path: Path, console: Console) -> list[Proposals]:
    """The proposer's boxes in each photograph, from the file of the run where it has them.

    They are kept because they are minutes of work, and because a run that goes on elsewhere is to
    learn from the same ones: another device would round otherwise.
    """
    digest = source.digest()
    if path.exists():
        tensors, metadata = load_tensors(path)
        if metadata.get("of") == digest:
            counts = tensors["counts"].tolist()
            return [
                Proposals(boxes.numpy(), scores.numpy(), np.full(len(boxes), "multibox"))
                for boxes, scores in zip(
                    tensors["boxes"].split(counts), tensors["scores"].split(counts), strict=True
                )
            ]
    found = []
    for index in track(source.images, "MultiBox", len(source.images), console=console):
        image = read_image(source.folder / source.dataset.images[index].file_name)
        found.append(source.proposer.multibox_proposals(image, source.boxes))
    tensors = {
        "boxes": torch.from_numpy(np.concatenate([one.boxes_xyxy for one in found])),
        "scores": torch.from_numpy(np.concatenate([one.scores for one in found])),
        "counts": torch.tensor([len(one) for one in found]),
    }
    save_tensors(path, tensors, {"of": digest})
    return found
