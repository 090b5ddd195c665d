"""One run of `detect train`: its data, its initial network, and the training of one network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from rich.console import Console

from detector.errors import DetectorError
from detector.files.digests import hash_of_data, hash_of_tensors
from detector.networks.ensemble import Member, proposer_for_classes, voters, without_vote
from detector.networks.regions import RegionClassifier
from detector.pipeline import Detector
from detector.recipes import Recipe
from detector.training.photographs import Photographs, StepData, images_per_pass
from detector.training.proposals import MultiBoxSource, kept_multibox, searched_proposals
from detector.training.shared_mode import detector_losses, freeze_until, trunk_is_frozen
from detector.training.warp_mode import (
    WindowSteps,
    passes_per_step,
    window_losses,
    without_regression,
)
from detector.training_loop.distributed import Processes
from detector.training_loop.machine import Machine
from detector.training_loop.parts import Steps
from detector.training_loop.run_folder import MULTIBOX_BOXES, Origin, start_run_folder
from detector.training_loop.trainer import PartLosses, Trainer, show_training
from detector.version import __version__
from detector.weights_file import WeightsInfo, load_imagenet, load_tensors
from eval import Dataset, read_dataset
from eval.formats.splits import training_split
from proposals.cache import ProposalCache
from proposals.merge import merge_proposals


@dataclass(frozen=True)
class Job:
    """The data and settings that all members of a run share."""

    recipe: Recipe
    dataset: Dataset
    folder: Path  # of the pictures
    data: Path
    split: tuple[list[int], list[int]]  # images to learn from, images to validate on
    start: Detector | None  # a detector of the same classes, which training continues
    initial: Detector | None  # the detector whose network training starts from, `start` if given
    proposer: Detector | None
    imagenet_weights: Path  # where training starts without `initial`
    output: Path
    cache: ProposalCache | None
    processes: Processes
    machine: Machine
    console: Console

    @cached_property
    def photographs(self) -> Photographs:
        """The data set with the boxes to learn from, which are found once."""
        options = self.recipe.proposals
        with self.processes.main_first():  # the other processes find them in the cache
            found = searched_proposals(self.dataset, self.folder, options, self.cache, self.console)
        boxes = [one.boxes_xyxy for one in found]
        count = self.recipe.multibox.boxes
        if self.proposer is not None and count:
            source = MultiBoxSource(self.proposer, count, self.dataset, self.folder, self.split[0])
            with self.processes.main_first():  # the other processes read its file
                learned = kept_multibox(source, self.output / MULTIBOX_BOXES, self.console)
            for index, more in zip(source.images, learned, strict=True):
                boxes[index] = merge_proposals(found[index], more).boxes_xyxy
        return Photographs(self.dataset, self.folder, boxes)

    @property
    def initial_network(self) -> RegionClassifier | None:
        """The network that training starts from: the initial detector's first one with a vote."""
        return None if self.initial is None else voters(self.initial.members)[0].model

    @cached_property
    def origin(self) -> Origin:
        """The data and initial weights that another run must share to continue this one."""
        network = self.initial_network
        tensors = (
            load_tensors(self.imagenet_weights)[0] if network is None else network.state_dict()
        )
        content, initial = hash_of_data(self.dataset), hash_of_tensors(tensors)
        return Origin(self.data, content, len(self.dataset), initial)

    def start_folder(self, output: Path, recipe: Recipe, seed: int) -> None:
        """Start or continue a run folder, in the main process only."""
        device, machine = self.processes.device, self.machine
        self.processes.from_main(
            lambda: start_run_folder(output, recipe, self.origin, seed, device, machine)
        )


def read_training_data(
    data: Path, split: str | None = None, corners: str | None = None, boxes: str | None = None
) -> Dataset:
    """The data set, if it can be learned from; without `split` that is `training_split`.

    `corners` is how VOC XML counts, and `boxes` what numbers in text files mean: see read_voc and
    read_plain_text.

    Raises
    ------
    DetectorError
        No boxes, or a picture without a size.
    """
    split = split or training_split(data)
    options = {"split": split, "corners": corners, "boxes": boxes}
    dataset = read_dataset(data, **{name: value for name, value in options.items() if value})
    if split:
        dataset = replace(dataset, notes=(f"trains on the split {split}", *dataset.notes))
    if dataset.all_truths.ignored.all():
        raise DetectorError(
            f"{data}: has no usable boxes (crowd annotations do not count); add annotations"
        )
    for image in dataset.images:
        if min(image.height, image.width) < 1:
            raise DetectorError(
                f"{data}: its picture {image.file_name} has width {image.width} and height "
                f"{image.height} (0 if none is stated); enter its true size"
            )
    return dataset


def load_named(option: str, name: str, device: torch.device) -> Detector:
    """Load the detector that an option names; errors name the option as well."""
    try:
        return Detector.load(name, device=device)
    except DetectorError as error:
        raise DetectorError(f"{option}: {error}") from None


def parts_per_step(recipe: Recipe, machine: Machine) -> int:
    """Parts into which a step of the detector's training is divided.

    Raises
    ------
    DetectorError
        A step that cannot be divided evenly.
    """
    options = recipe.training
    if recipe.network.mode == "warp":
        return passes_per_step(options, machine)
    return options.loop.images_per_step // images_per_pass(options, machine)


def train_network(job: Job, output: Path, recipe: Recipe, first_seed: int) -> Detector:
    """Train one network, from its initial to its averaged weights.

    `first_seed` seeds the new layers; the recipe's own seeds everything that is drawn after that.
    """
    options, images = recipe.training, job.split[0]
    members = _networks(job, recipe, first_seed)
    model = members[-1].model
    freeze_until(model, options.freeze)
    steps, losses = _steps_and_losses(job, recipe)
    if not len(steps):
        raise DetectorError(
            f"{job.dataset.source}: no training step in {len(images)} photographs; "
            "add data or epochs"
        )
    trainer = Trainer(model, steps, losses, options.loop, output, job.processes, job.machine)
    job.console.print(
        f"{len(images)} photographs to train on, {len(job.split[1])} to validate, "
        f"{len(job.dataset.class_names)} classes, {len(steps)} steps"
        + (f"; continuing at step {trainer.step}" if trainer.step else "")
    )
    show_training(trainer, "training", job.console)
    trainer.use_average()
    model.auxiliary = None
    multibox = job.proposer.multibox if job.proposer is not None else None
    if job.start is not None and trunk_is_frozen(model) and recipe.network.mode == "shared":
        multibox = job.start.multibox  # it fits only the trunk that it was trained on
    info = WeightsInfo(
        class_names=job.dataset.class_names,
        category_ids=job.dataset.category_ids,
        recipe=recipe.to_dict(),
        provenance={
            "data": job.dataset.source,
            "images": len(images),
            "initial": _name_of_initial(job),
        },
        version=__version__,
    )
    return Detector(members, recipe, info, job.processes.device, multibox)


def _networks(job: Job, recipe: Recipe, seed: int) -> list[Member]:
    """The network to train, with its initial weights, as the last; the proposer before it."""
    options, classes = recipe.training, len(job.dataset.class_names)
    mode, initial = recipe.network.mode, job.initial_network
    torch.manual_seed(seed)
    model = RegionClassifier(
        classes,
        auxiliary=mode == "warp" and options.auxiliary_weight > 0,
        context=recipe.network.context,
        padding=recipe.network.padding,
    )
    load_imagenet(model.network, job.imagenet_weights)
    if initial is not None and job.start is not None:
        model.continue_from(initial)
    elif initial is not None:
        model.begin_with(initial)
    if mode == "warp" and not options.box_regression:
        without_regression(model)
    if job.proposer is None or mode != "warp":
        return [Member(model, mode)]
    if job.proposer.info.class_names == job.dataset.class_names:
        proposer = without_vote(job.proposer.members)
    else:
        proposer = proposer_for_classes(job.proposer.members, classes)
    return [proposer, Member(model, mode)]


def _name_of_initial(job: Job) -> str:
    if job.start is not None:
        return "another detector"
    return job.recipe.training.initial or job.imagenet_weights.name


def _steps_and_losses(job: Job, recipe: Recipe) -> tuple[Steps, PartLosses]:
    """The steps that the network learns from, and its losses."""
    options, images, device = recipe.training, job.split[0], job.processes.device
    if recipe.network.mode == "warp":
        windows = WindowSteps(job.photographs, images, recipe.network, options, device, job.machine)
        return windows, window_losses(windows)
    count = recipe.multibox.boxes
    multibox = job.start.multibox if job.start is not None and count else None
    if multibox is not None:
        multibox.to(device)
    data = StepData(job.photographs, images, recipe.network, options, job.machine)
    return data, detector_losses(options, multibox, count)
