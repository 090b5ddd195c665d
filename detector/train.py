"""`detect train`: from a data set to a run folder with weights.

ImageNet weights (or a detector) -> member 1, 2, ... of the ensemble, or one network alone
-> MultiBox on the first one's trunk -> validation -> weights.safetensors
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from rich.console import Console

from configs import Recipe
from detector.combine import as_proposer, combine
from detector.curves import add_validation
from detector.distributed import Processes, join_processes
from detector.ensemble import Member
from detector.errors import DetectorError
from detector.fine_tuning import detector_losses, freeze_until, trunk_is_frozen
from detector.image_folder import find_image_folder
from detector.pipeline import Detector
from detector.progress import show_training
from detector.regions import RegionClassifier
from detector.run_folder import WEIGHTS, start_run_folder
from detector.splits import split_validation
from detector.train_multibox import train_multibox
from detector.training import PartLosses, Steps, Trainer
from detector.training_data import Photographs, StepData
from detector.training_proposals import searched_proposals, with_multibox
from detector.validation import validate
from detector.version import __version__
from detector.warp_training import WindowSteps, window_losses, without_regression
from detector.weights_file import IMAGENET_WEIGHTS, WeightsInfo, load_imagenet
from eval import Dataset, read_dataset
from proposals.cache import ProposalCache


@dataclass(frozen=True)
class Job:
    """What all members of a run have in common."""

    recipe: Recipe
    dataset: Dataset
    folder: Path  # of the pictures
    data: Path
    split: tuple[list[int], list[int]]  # images to learn from, to validate on
    start: Detector | None
    proposer: Detector | None
    imagenet_weights: Path
    cache: ProposalCache | None
    device: torch.device
    processes: Processes
    console: Console

    @cached_property
    def photographs(self) -> Photographs:
        """With the boxes to learn from, which are found once."""
        options = self.recipe.proposals
        with self.processes.main_first():  # the others find them in the cache
            found = searched_proposals(self.dataset, self.folder, options, self.cache, self.console)
        count = self.recipe.multibox.boxes
        if self.proposer is not None and count:
            training = self.split[0]
            found = with_multibox(
                found, self.proposer, count, self.dataset, self.folder, training, self.console
            )
        return Photographs(self.dataset, self.folder, [boxes.boxes_xyxy for boxes in found])

    @property
    def initial(self) -> RegionClassifier | None:
        """The network to go on from: the first of `start` that has a vote."""
        if self.start is None:
            return None
        return next(m.model for m in self.start.members if m.mode != "proposer")


def train(
    data: Path,
    output: Path,
    recipe: Recipe,
    *,
    start: Detector | None = None,
    part: str = "all",
    images: Path | None = None,
    device: str | None = None,
    imagenet_weights: Path = IMAGENET_WEIGHTS,
    cache_folder: Path | None = None,
    use_cache: bool = True,
    console: Console | None = None,
) -> Path:
    """Train a detector, then MultiBox on its trunk; returns the path of the weights of both.

    Parameters
    ----------
    data
        COCO JSON with boxes. A validation split is cut from it; nothing is chosen on other data.
    output
        Run folder. An unfinished run found there with the same recipe is continued. The members
        of an ensemble have run folders of their own in it.
    start
        Go on from this detector; None starts from the ImageNet weights. Its MultiBox, if it has
        one, proposes regions to learn from.
    part
        "all"; "detector" leaves out MultiBox, as a recipe with no MultiBox boxes does; "multibox"
        trains it on the trunk of `start`, whose other weights are kept.
    images
        Folder of the pictures; None looks beside the JSON.
    cache_folder
        Where proposals are kept for the next run; None takes that of all runs.
    use_cache
        False computes all proposals anew and keeps none.

    Raises
    ------
    DetectorError
        Data that cannot be learned from or do not fit `start`; a run folder of another run.
    """
    dataset = read_training_data(data)
    if start is not None and start.info.class_names != dataset.class_names:
        raise DetectorError(
            f"{dataset.source}: its classes are not those of the detector to start from; "
            "leave out --weights to start from the ImageNet weights"
        )
    folder = images or find_image_folder(data, dataset)
    options, is_warp = recipe.training, recipe.network.mode == "warp"
    if part == "multibox" and (is_warp or not recipe.multibox.boxes):
        raise DetectorError(
            f"recipe {recipe.name!r}: has no MultiBox to train; "
            "use network.mode shared and multibox.boxes over 0"
        )
    split = split_validation(dataset, options.validation_fraction, options.seed)
    with join_processes(device) as (processes, chosen):
        console = (console or Console(stderr=True)) if processes.is_main else Console(quiet=True)
        proposer = None
        if recipe.proposer and is_warp:
            proposer = Detector.load(recipe.proposer, device=chosen)
        cache = ProposalCache(cache_folder) if use_cache else None
        job = Job(
            recipe, dataset, folder, data, split, start, proposer, imagenet_weights, cache,
            chosen, processes, console,
        )  # fmt: skip
        _start_folder(job, output, recipe)
        if start is not None and part == "multibox":
            detector = start
        elif options.members == 1:
            detector = _train_member(job, output, recipe)
        else:
            detector = combine([_member(job, output, recipe, k) for k in range(options.members)])
        if processes.is_main:
            _finish(job, detector, output, recipe, with_heads=part != "detector")
        processes.wait()
    console.print(f"weights: {output / WEIGHTS}", markup=False)
    return output / WEIGHTS


def read_training_data(data: Path) -> Dataset:
    """The data set, if it can be learned from.

    Raises
    ------
    DetectorError
        No boxes, or a picture without a size.
    """
    dataset = read_dataset(data)
    if not len(dataset.all_truths):
        raise DetectorError(f"{data}: holds no boxes to learn from; add annotations")
    for image in dataset.images:
        if min(image.height, image.width) < 1:
            raise DetectorError(
                f"{data}: its picture {image.file_name} has width {image.width} and height "
                f"{image.height}; enter its true sides"
            )
    return dataset


def _member(job: Job, output: Path, recipe: Recipe, number: int) -> Detector:
    """Member `number` of an ensemble: the same start, other draws; from its file where it is done.

    What is combined is always read from the files, so that a run that was interrupted combines
    the same numbers.
    """
    options = replace(recipe.training, members=1, seed=recipe.training.seed + number)
    own = replace(recipe, training=options)
    folder = output / f"member{number + 1}"
    weights = folder / WEIGHTS
    _start_folder(job, folder, own)
    if not job.processes.from_main(weights.exists):
        job.console.print(f"member {number + 1} of {recipe.training.members}")
        detector = _train_member(job, folder, own, first_seed=recipe.training.seed)
        if job.processes.is_main:
            detector.save(weights)
        job.processes.wait()
    return Detector.load(weights, device=job.device)


def _train_member(
    job: Job, output: Path, recipe: Recipe, first_seed: int | None = None
) -> Detector:
    """One network, from where it starts to its averaged weights."""
    options = recipe.training
    members = _networks(job, recipe, options.seed if first_seed is None else first_seed)
    model = members[-1].model
    freeze_until(model, options.freeze)
    steps, losses = _lessons(job, recipe, model)
    if not len(steps):
        raise DetectorError(
            f"{job.dataset.source}: no training step in {len(job.split[0])} photographs; add data"
        )
    trainer = Trainer(model, steps, losses, options, output, job.device, job.processes)
    job.console.print(
        f"{len(job.split[0])} photographs to train on, {len(job.split[1])} to validate, "
        f"{len(job.dataset.class_names)} classes, {len(steps)} steps"
        + (f"; continuing at step {trainer.step}" if trainer.step else "")
    )
    show_training(trainer, "training", job.console)
    trainer.use_average()
    model.auxiliary = None
    multibox = job.proposer.multibox if job.proposer is not None else None
    if job.start is not None and trunk_is_frozen(model) and recipe.network.mode == "shared":
        multibox = job.start.multibox  # it answers for the trunk it was trained on, and no other
    info = WeightsInfo(
        class_names=job.dataset.class_names,
        category_ids=job.dataset.category_ids,
        recipe=recipe.to_dict(),
        provenance={
            "data": job.dataset.source,
            "images": len(job.split[0]),
            "initial": "another detector" if job.start else "BVLC GoogLeNet",
        },
        version=__version__,
    )
    return Detector(members[0].model, recipe, info, job.device, multibox, members)


def _networks(job: Job, recipe: Recipe, seed: int) -> list[Member]:
    """The network to train, with its initial weights, the last; before it the proposer, if any."""
    options, classes = recipe.training, len(job.dataset.class_names)
    mode, initial = recipe.network.mode, job.initial
    torch.manual_seed(seed)
    model = RegionClassifier(
        classes,
        auxiliary=mode == "warp" and options.auxiliary_weight > 0,
        spatial=initial is None or initial.reduce is not None,
    )
    load_imagenet(model.network, job.imagenet_weights)
    if initial is not None:
        model.load_state_dict(initial.state_dict(), strict=False)
    if mode == "warp" and not options.box_regression:
        without_regression(model)
    proposer = [as_proposer(job.proposer, classes)] if job.proposer and mode == "warp" else []
    return [*proposer, Member(model, mode)]


def _lessons(job: Job, recipe: Recipe, model: RegionClassifier) -> tuple[Steps, PartLosses]:
    """What the network learns from, and its losses."""
    training, options = job.split[0], recipe.training
    if recipe.network.mode == "warp":
        windows = WindowSteps(job.photographs, training, recipe.network, options, job.device)
        return windows, window_losses(windows)
    multibox = job.start.multibox if job.start is not None else None
    if multibox is not None:
        multibox.to(job.device)
    data = StepData(job.photographs, training, recipe.network, options)
    teacher = Detector.load(options.teacher, device=job.device) if options.teacher else None
    if teacher is not None and teacher.info.class_names != job.dataset.class_names:
        raise DetectorError(
            f"{options.teacher}: a teacher of other classes; give one trained on this data"
        )
    return data, detector_losses(options, multibox, teacher)


def _finish(
    job: Job, detector: Detector, output: Path, recipe: Recipe, *, with_heads: bool
) -> None:
    """MultiBox and validation: minutes, which one process does alone; then the weights."""
    detector.recipe = recipe
    # Figures of the detector it started from are not those of what comes out
    detector.info = replace(detector.info, metrics={})
    if with_heads and recipe.multibox.boxes and recipe.network.mode == "shared":
        photographs = Photographs(job.dataset, job.folder, ())
        detector.multibox = train_multibox(
            detector, photographs, job.split[0], recipe.multibox, output / "multibox", job.console
        )
    held_out: Sequence[int] = job.split[1]
    if held_out:
        figures = validate(detector, job.dataset, job.folder, list(held_out), job.console)
        detector.info.metrics.update(figures)
        add_validation(output, figures)
    detector.save(output / WEIGHTS)


def _start_folder(job: Job, output: Path, recipe: Recipe) -> None:
    seed = recipe.training.seed
    job.processes.from_main(
        lambda: start_run_folder(output, recipe, job.data, len(job.dataset), seed, job.device)
    )
