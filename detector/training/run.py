"""`detect train`: from a data set to a run folder with weights.

ImageNet weights, or a detector's -> one network, or the members of an ensemble one by one
-> MultiBox on the trunk of the first -> validation -> weights.safetensors
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console

from detector.errors import DetectorError
from detector.pictures.dataset_folder import find_image_folder
from detector.pipeline import Detector
from detector.recipes import Recipe
from detector.training.checks import check_fit, check_is_one
from detector.training.job import (
    Job,
    load_named,
    parts_per_step,
    read_training_data,
    train_network,
)
from detector.training.multibox import check_multibox, train_multibox
from detector.training.photographs import Photographs
from detector.training.validation import validate
from detector.training_loop.curves import add_validation
from detector.training_loop.distributed import join_processes
from detector.training_loop.machine import DEFAULT_MACHINE, Machine
from detector.training_loop.run_folder import MULTIBOX, WEIGHTS
from detector.training_loop.splits import SPLIT_SEED, split_validation
from detector.weights_file import IMAGENET_WEIGHTS
from proposals.cache import ProposalCache

LARGEST_SEED = 2**31  # of a recipe


def train(
    data: Path,
    output: Path,
    recipe: Recipe,
    *,
    start: Detector | None = None,
    part: str = "all",
    images: Path | None = None,
    split: str | None = None,
    corners: str | None = None,
    boxes: str | None = None,
    imagenet_weights: Path = IMAGENET_WEIGHTS,
    cache: ProposalCache | None = None,
    device: str | None = None,
    machine: Machine = DEFAULT_MACHINE,
    console: Console | None = None,
) -> Path:
    """Train a detector, then MultiBox on its trunk; returns the path of the weights of both.

    Parameters
    ----------
    data
        COCO JSON with boxes, or the folder of a data set. A validation split is held out from it.
    output
        Run folder. An unfinished run in it with the same recipe is continued. The members of an
        ensemble have run folders of their own in it.
    start
        Continue from this detector, of the same classes; None starts from the network of the
        recipe's `training.initial`, or from the ImageNet weights. Its MultiBox, if it has one,
        proposes regions to learn from.
    part
        "all"; "detector" leaves out MultiBox, as a recipe without MultiBox boxes does; "multibox"
        trains it on the trunk of `start`, whose other weights stay as they are.
    images
        Folder of the pictures; None means beside the JSON.
    split
        Part of a data set folder that has several; None is its trainval or train.
    corners, boxes
        How VOC XML counts, inclusive (None) or continuous; what the numbers in text files mean,
        "corners" or "sides" (None: what they show). See eval.read_dataset.
    cache
        Keeps proposals for the next run; None computes them all again.

    Raises
    ------
    DetectorError
        Data that cannot be learned from or do not fit `start`; a run folder of another run; two
        networks to start from; an option that the recipe's mode would ignore; a step that cannot
        be divided evenly among the processes.
    """
    dataset = read_training_data(data, split, corners, boxes)
    check_fit(recipe, dataset, start, part)
    folder = images or find_image_folder(data, dataset)
    initial = start or _initial(recipe, imagenet_weights)
    parts = parts_per_step(recipe, machine)
    learned, held_out = split_validation(dataset, recipe.training.validation_fraction, SPLIT_SEED)
    with join_processes(device) as processes, processes.holding(output):
        console = (console or Console(stderr=True)) if processes.is_main else Console(quiet=True)
        for note in dataset.notes:
            console.print(note, markup=False, highlight=False, soft_wrap=True)
        # Errors that would end the run are raised now, not after minutes of selective search
        if part != "multibox":
            processes.places(parts)
        proposer = None
        if recipe.proposer and recipe.network.mode == "warp":
            proposer = load_named("proposer", recipe.proposer, processes.device)
            recipe = _at_sizes_of(proposer, recipe)
        if processes.is_main and part != "detector" and _has_multibox(recipe):
            check_multibox(len(learned), recipe.multibox.loop, output)
        job = Job(
            recipe=recipe, dataset=dataset, folder=folder, data=data, split=(learned, held_out),
            start=start, initial=initial, proposer=proposer, imagenet_weights=imagenet_weights,
            output=output, cache=cache, processes=processes, machine=machine, console=console,
        )  # fmt: skip
        loop = recipe.multibox.loop if part == "multibox" else recipe.training.loop
        job.start_folder(output, recipe, loop.seed)
        detector = start if start is not None and part == "multibox" else _train_members(job)
        if processes.is_main:
            _finish(job, detector, output, recipe, with_multibox=part != "detector")
        processes.wait()
    console.print(f"weights: {output / WEIGHTS}", markup=False)
    return output / WEIGHTS


def _initial(recipe: Recipe, imagenet_weights: Path) -> Detector | None:
    """The detector that `training.initial` names, if any."""
    initial = recipe.training.initial
    if not initial:
        return None
    if imagenet_weights != IMAGENET_WEIGHTS:
        raise DetectorError(
            f"training.initial: {initial!r} would replace the ImageNet weights "
            f"{imagenet_weights}; leave out one of the two"
        )
    detector = load_named("training.initial", initial, torch.device("cpu"))
    check_is_one(detector, "training.initial")
    return detector


def _at_sizes_of(proposer: Detector, recipe: Recipe) -> Recipe:
    """The recipe with the image sizes of the proposer's trunk; crops have a size of their own."""
    theirs = proposer.recipe.network
    sizes = {key: getattr(theirs, key) for key in ("short_side", "long_side", "pyramid")}
    return replace(recipe, network=replace(recipe.network, **sizes))


def _train_members(job: Job) -> Detector:
    """Train the recipe's networks; several are combined into an ensemble."""
    options = job.recipe.training
    if options.members == 1:
        return train_network(job, job.output, job.recipe, options.loop.seed)
    return Detector.combine([_train_member(job, number) for number in range(options.members)])


def _train_member(job: Job, number: int) -> Detector:
    """Member `number` of an ensemble: from the same weights with other draws, or from its file.

    An ensemble always combines the weights as the files hold them, so that a continued run has the
    same result. Ensembles of the same size and of neighbouring seeds share no random draws.
    """
    options = job.recipe.training
    seed = (options.loop.seed * options.members + number) % LARGEST_SEED
    own = replace(options, members=1, loop=replace(options.loop, seed=seed))
    recipe = replace(job.recipe, training=own)
    folder = job.output / f"member{number + 1}"
    weights = folder / WEIGHTS
    job.start_folder(folder, recipe, seed)
    if not job.processes.from_main(weights.exists):
        job.console.print(f"member {number + 1} of {options.members}")
        detector = train_network(job, folder, recipe, first_seed=options.loop.seed)
        if job.processes.is_main:
            _finish(job, detector, folder, recipe, with_multibox=False)
        job.processes.wait()
    return Detector.load(weights, device=job.processes.device)


def _finish(
    job: Job, detector: Detector, output: Path, recipe: Recipe, *, with_multibox: bool
) -> None:
    """Train MultiBox, validate and write the weights: minutes of work in a single process."""
    detector.recipe = recipe
    # The figures of the detector that training started from are not those of the result
    detector.info = replace(detector.info, metrics={})
    learned, held_out = job.split
    if with_multibox and _has_multibox(recipe):
        photographs = Photographs(job.dataset, job.folder, ())
        detector.multibox = train_multibox(
            detector, photographs, learned, output / MULTIBOX, job.machine, job.console
        )
    if held_out:
        figures = validate(detector, job.dataset, job.folder, held_out, job.console)
        detector.info.metrics.update(figures)
        if figures:
            add_validation(output, figures)
    detector.save(output / WEIGHTS)


def _has_multibox(recipe: Recipe) -> bool:
    """Whether MultiBox is trained for this recipe: it needs maps of whole photographs."""
    return recipe.multibox.boxes > 0 and recipe.network.mode == "shared"
