"""The boxes that a run learns from: selective search's, and those of a proposer's MultiBox."""

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
    """Selective search of every photograph, from the cache if it is there.

    This reads all photographs, so one whose size differs from the data set's ends the run before
    training starts.
    """
    readers = [
        partial(read_photograph, folder / record.file_name, (record.height, record.width))
        for record in dataset.images
    ]
    computed = selective_search_many(readers, cache=cache, **options.keywords())
    return list(track(computed, "proposals", len(readers), console=console))


class MultiBoxSource(NamedTuple):
    """All that decides which boxes of MultiBox a run learns from."""

    proposer: Detector
    boxes: int  # the likeliest of each photograph
    dataset: Dataset
    folder: Path
    images: list[int]  # indices of its photographs

    def digest(self) -> str:
        """Digest of what decides these boxes; the device changes them by rounding only."""
        records = [self.dataset.images[index] for index in self.images]
        words = repr((self.proposer.digest(), self.boxes, records))
        return hashlib.sha256(words.encode("utf-8", "backslashreplace")).hexdigest()


def kept_multibox(source: MultiBoxSource, path: Path, console: Console) -> list[Proposals]:
    """The proposer's boxes in each photograph, from the file in the run folder if it is there.

    They are kept because they take minutes, and because a run that is continued on another device,
    which rounds differently, must learn from the same boxes.
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
