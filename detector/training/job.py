"""One run of training: its data, the network it starts from, what that learns, and the result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import torch
from rich.console import Console

from detector.errors import DetectorError
from detector.files.digests import hash_of_data, hash_of_tensors
from detector.networks.ensemble import Member, as_proposer, voters, without_vote
from detector.networks.regions import RegionClassifier
from detector.pipeline import Detector
from detector.recipes import Recipe
from detector.training.photographs import Photographs, StepData
from detector.training.proposals import MultiBoxSource, kept_multibox, searched_proposals
from detector.training.shared_mode import detector_losses, freeze_until, trunk_is_frozen
from detector.training.warp_mode import WindowSteps, window_losses, without_regression
from detector.training_loop.distributed import Processes
from detector.training_loop.parts import Steps
from detector.training_loop.run_folder import MULTIBOX_BOXES
from detector.training_loop.trainer import PartLosses, Trainer, show_training
from detector.version import __version__
from detector.weights_file import WeightsInfo, load_imagenet, load_tensors
from eval import Dataset, read_dataset
from eval.formats.splits import part_to_learn
from proposals.cache import ProposalCache
from proposals.merge import merge_proposals


@dataclass(frozen=True)
class Job:
    """What all members of a run have in common."""

    recipe: Recipe
    dataset: Dataset
    folder: Path  # of the pictures
    data: Path
    split: tuple[list[int], list[int]]  # images to learn from, to validate on
    start: Detector | None  # of the same classes
    forerunner: Detector | None  # without `start`: whose network is where learning begins
    proposer: Detector | None
    imagenet_weights: Path
    output: Path
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
        boxes = [one.boxes_xyxy for one in found]
        count = self.recipe.multibox.boxes
        if self.proposer is not None and count:
            source = MultiBoxSource(self.proposer, count, self.dataset, self.folder, self.split[0])
            with self.processes.main_first():  # the others read what it has written
                learned = kept_multibox(source, self.output / MULTIBOX_BOXES, self.console)
            for index, more in zip(source.images, learned, strict=True):
                boxes[index] = merge_proposals(found[index], more).boxes_xyxy
        return Photographs(self.dataset, self.folder, boxes)

    @property
    def initial(self) -> RegionClassifier | None:
        """The network to go on from: the first of a detector's that has a vote."""
        detector = self.start or self.forerunner
        if detector is None:
            return None
        return voters(detector.members)[0].model

    @cached_property
    def data_digest(self) -> str:
        """Tells the data set from any other."""
        return hash_of_data(self.dataset)

    @cached_property
    def initial_digest(self) -> str:
        """Tells the weights that all begins with from any others."""
        if self.initial is None:
            return hash_of_tensors(load_tensors(self.imagenet_weights)[0])
        return hash_of_tensors(self.initial.state_dict())


def read_training_data(data: Path, split: str | None = None) -> Dataset:
    """The data set, if it can be learned from; `split` None is `part_to_learn`.

    Raises
    ------
    DetectorError
        No boxes, or a picture without a size.
    """
    split = split or part_to_learn(data)
    dataset = read_dataset(data, **({"split": split} if split else {}))
    if split:
        dataset = replace(dataset, notes=(f"learns from the part {split}", *dataset.notes))
    if dataset.all_truths.ignored.all():
        raise DetectorError(
            f"{data}: holds no boxes to learn from (crowds are none); add annotations"
        )
    for image in dataset.images:
        if min(image.height, image.width) < 1:
            raise DetectorError(
                f"{data}: its picture {image.file_name} has width {image.width} and height "
                f"{image.height}; enter its true sides"
            )
    return dataset


def load_named(option: str, name: str, device: torch.device) -> Detector:
    """The detector that an option names; what is wrong with it is said under the option's name."""
    try:
        return Detector.load(name, device=device)
    except DetectorError as error:
        raise DetectorError(f"{option}: {error}") from None


def train_network(
    job: Job, output: Path, recipe: Recipe, first_seed: int | None = None
) -> Detector:
    """One network, from where it starts to its averaged weights."""
    options = recipe.training
    members = _networks(job, recipe, options.seed if first_seed is None else first_seed)
    model = members[-1].model
    freeze_until(model, options.freeze)
    images = job.split[0]
    steps, losses = _lessons(job, recipe, model, images)
    if not len(steps):
        raise DetectorError(
            f"{job.dataset.source}: no training step in {len(images)} photographs; "
            "add data or epochs"
        )
    trainer = Trainer(model, steps, losses, options, output, job.device, job.processes)
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
        multibox = job.start.multibox  # it answers for the trunk it was trained on, and no other
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
    return Detector(members, recipe, info, job.device, multibox)


def _networks(job: Job, recipe: Recipe, seed: int) -> list[Member]:
    """The network to train, with its initial weights, the last; before it the proposer, if any."""
    options, classes = recipe.training, len(job.dataset.class_names)
    mode, initial = recipe.network.mode, job.initial
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
        proposer = as_proposer(job.proposer.members, classes)
    return [proposer, Member(model, mode)]


def _name_of_initial(job: Job) -> str:
    if job.start is not None:
        return "another detector"
    return job.recipe.training.initial or job.imagenet_weights.name


def _lessons(
    job: Job, recipe: Recipe, model: RegionClassifier, images: list[int]
) -> tuple[Steps, PartLosses]:
    """What the network learns from these photographs, and its losses."""
    options = recipe.training
    if recipe.network.mode == "warp":
        windows = WindowSteps(job.photographs, images, recipe.network, options, job.device)
        return windows, window_losses(windows)
    count = recipe.multibox.boxes
    multibox = job.start.multibox if job.start is not None and count else None
    if multibox is not None:
        multibox.to(job.device)
    data = StepData(job.photographs, images, recipe.network, options)  # minutes of searching
    return data, detector_losses(options, multibox, count)
