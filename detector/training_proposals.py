"""The boxes that a run learns from: selective search's, and those of MultiBox where it has one."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from configs import ProposalOptions
from detector.image_folder import read_photograph
from detector.images import read_image
from detector.pipeline import Detector
from detector.progress import track
from detector.search_options import search_options
from eval import Dataset
from proposals.batch import selective_search_many
from proposals.cache import ProposalCache
from proposals.merge import merge_proposals
from proposals.result import Proposals

Floats = NDArray[np.float32]


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
    return list(track(computed, "proposals", console, total=len(readers)))


def with_multibox(
    searched: list[Proposals],
    proposer: Detector,
    count: int,
    dataset: Dataset,
    folder: Path,
    images: list[int],
    console: Console,
) -> list[Proposals]:
    """Add the `count` likeliest boxes of the proposer's MultiBox in these photographs."""
    merged = list(searched)
    for index in track(images, "MultiBox", console):
        image = read_image(folder / dataset.images[index].file_name)
        merged[index] = merge_proposals(searched[index], proposer.multibox_proposals(image, count))
    return merged
