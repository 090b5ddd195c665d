"""`detect train`: from a data set to a run folder with weights.

ImageNet weights (or a detector's) -> member 1, 2, ... of the ensemble, or one network alone
-> MultiBox on the first one's trunk -> validation -> weights.safetensors
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console

from detector.errors import DetectorError
from detector.networks.ensemble import voters
from detector.pictures.dataset_folder import find_image_folder
from detector.pipeline import Detector
from detector.recipes import NetworkOptions, Recipe, TrainingOptions
from detector.training.job import Job, load_named, read_training_data, train_network
from detector.training.multibox import check_multibox, train_multibox
from detector.training.photographs import Photographs, parts_per_step
from detector.training.validation import validate
from detector.training.warp_mode import passes_per_step
from detector.training_loop.curves import add_validation
from detector.training_loop.distributed import join_processes
from detector.training_loop.run_folder import MULTIBOX, WEIGHTS, start_run_folder
from detector.training_loop.splits import SPLIT_SEED, split_validation
from detector.weights_file import IMAGENET_WEIGHTS
from proposals.cache import ProposalCache

LARGEST_SEED = 2**31  # a recipe's
# What a mode does where the other one has an option of `training`
WITHOUT_OPTION: dict[str, dict[str, bool | float | str]] = {
    "shared": {
        "box_regression": True,
        "auxiliary_weight": 0.0,
        "class_balance": 0.0,
    },
    "warp": {"hard_fraction": 0.0, "repeat_threshold": 0.0},
}


def train(
    data: Path,
    output: Path,
    recipe: Recipe,
    *,
    start: Detector | None = None,
    part: str = "all",
    images: Path | None = None,
    split: str | None = None,
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
        COCO JSON with boxes, or the folder of a data set. A validation split is cut from it;
        nothing is chosen on other data.
    output
        Run folder. An unfinished run found there with the same recipe is continued. The members
        of an ensemble have run folders of their own in it.
    start
        Go on from this detector, of the same classes; None starts from the network of the recipe's
        `training.initial`, or from the ImageNet weights. Its MultiBox, if it has one, proposes
        regions to learn from.
    part
        "all"; "detector" leaves out MultiBox, as a recipe with no MultiBox boxes does; "multibox"
        trains it on the trunk of `start`, whose other weights are kept.
    images
        Folder of the pictures; None looks beside the JSON.
    split
        Part of a folder that has several; None is its trainval or train.
    cache_folder
        Where proposals are kept for the next run; None takes that of all runs.
    use_cache
        False computes all proposals anew and keeps none.

    Raises
    ------
    DetectorError
        Data that cannot be learned from or do not fit `start`; a run folder of another run; two
        networks to begin with; an option that the recipe's mode would ignore; a step that
        processes cannot share evenly.
    """
    dataset = read_training_data(data, split)
    if start is not None and start.info.class_names != dataset.class_names:
        remedy = (
            "give --weights of a detector trained on them"
            if part == "multibox"
            else "leave out --weights; --set training.initial=FILE begins with its network alone"
        )
        raise DetectorError(
            f"{dataset.source}: its classes are not those of the detector to start from; {remedy}"
        )
    folder = images or find_image_folder(data, dataset)
    options, is_warp = recipe.training, recipe.network.mode == "warp"
    if part == "multibox":
        _check_has_trunk(recipe, start)
    else:
        _check_mode(recipe)
        _check_is_one(start, "--weights")
    forerunner = _forerunner(recipe, imagenet_weights) if start is None else None
    parts = passes_per_step(options) if is_warp else parts_per_step(options)
    parted = split_validation(dataset, options.validation_fraction, SPLIT_SEED)
    with join_processes(device) as (processes, chosen), processes.holding(output):
        if part != "multibox":  # told before minutes of selective search
            processes.places(parts)
        console = (console or Console(stderr=True)) if processes.is_main else Console(quiet=True)
        for note in dataset.notes:
            console.print(note, markup=False, highlight=False, soft_wrap=True)
        proposer = None
        if recipe.proposer and is_warp:
            proposer = load_named("proposer", recipe.proposer, chosen)
            recipe = _at_sizes_of(proposer, recipe)
        if processes.is_main and part != "detector" and _has_multibox(recipe):
            check_multibox(len(parted[0]), recipe.multibox, output)
        cache = ProposalCache(cache_folder) if use_cache else None
        job = Job(
            recipe=recipe, dataset=dataset, folder=folder, data=data, split=parted, start=start,
            forerunner=forerunner, proposer=proposer, imagenet_weights=imagenet_weights,
            output=output, cache=cache, device=chosen, processes=processes, console=console,
        )  # fmt: skip
        _start_folder(job, output, recipe, recipe.multibox.seed if part == "multibox" else None)
        if start is not None and part == "multibox":
            detector = start
        elif options.members == 1:
            detector = train_network(job, output, recipe)
        else:
            members = range(options.members)
            detector = Detector.combine([_member(job, output, recipe, k) for k in members])
        if processes.is_main:
            _finish(job, detector, output, recipe, with_heads=part != "detector")
        processes.wait()
    console.print(f"weights: {output / WEIGHTS}", markup=False)
    return output / WEIGHTS


def _check_has_trunk(recipe: Recipe, start: Detector | None) -> None:
    """Refuse what MultiBox cannot be trained on: no maps of photographs, or no boxes wanted."""
    reads_crops = start is not None and start.members[0].mode == "warp"
    if reads_crops or recipe.network.mode == "warp" or not recipe.multibox.boxes:
        raise DetectorError(
            f"recipe {recipe.name!r}: has no MultiBox to train; "
            "use weights and network.mode shared, and multibox.boxes over 0"
        )


def _check_is_one(start: Detector | None, where: str) -> None:
    """Refuse an ensemble to go on from: all but one of its networks would be lost."""
    networks = voters(start.members) if start is not None else []
    if len(networks) > 1:
        raise DetectorError(
            f"{where}: {len(networks)} networks, training goes on from one; give the weights of "
            "one of them, or leave it out"
        )


def _forerunner(recipe: Recipe, imagenet_weights: Path) -> Detector | None:
    """The detector that `training.initial` names, if any."""
    initial = recipe.training.initial
    if not initial:
        return None
    if imagenet_weights != IMAGENET_WEIGHTS:
        raise DetectorError(
            f"training.initial: {initial!r} would replace the ImageNet weights "
            f"{imagenet_weights}; leave out one of both"
        )
    forerunner = load_named("training.initial", initial, torch.device("cpu"))
    _check_is_one(forerunner, "training.initial")
    return forerunner


def _check_mode(recipe: Recipe) -> None:
    """Refuse an option that was set and would be ignored; defaults stand in recipes of any mode."""
    mode = recipe.network.mode
    for key in () if recipe.proposer or mode == "shared" else ("keep", "keep_iou"):
        if getattr(recipe.network, key) not in (0, getattr(NetworkOptions(), key)):
            raise DetectorError(
                f"recipe {recipe.name!r}: network.{key} needs a detector that knows likely "
                "objects, and crops alone tell none; set proposer=voc20 or leave it out"
            )
    for key, without in WITHOUT_OPTION[mode].items():
        value = getattr(recipe.training, key)
        if value not in (without, getattr(TrainingOptions(), key)):
            raise DetectorError(
                f"recipe {recipe.name!r}: training.{key} is {value!r}, but network.mode {mode} "
                "has no such option; leave it out or use the other mode"
            )


def _at_sizes_of(proposer: Detector, recipe: Recipe) -> Recipe:
    """The recipe with the sizes that the proposer's trunk learned; crops have their own."""
    theirs = proposer.recipe.network
    sizes = {key: getattr(theirs, key) for key in ("short_side", "long_side", "pyramid")}
    return replace(recipe, network=replace(recipe.network, **sizes))


def _member(job: Job, output: Path, recipe: Recipe, number: int) -> Detector:
    """Member `number` of an ensemble: the same start, other draws; from its file where it is done.

    What is combined is always read from the files, so that a run that was interrupted combines
    the same numbers. Ensembles of one size and of neighbouring seeds have no draws in common.
    """
    seed = (recipe.training.seed * recipe.training.members + number) % LARGEST_SEED
    options = replace(recipe.training, members=1, seed=seed)
    own = replace(recipe, training=options)
    folder = output / f"member{number + 1}"
    weights = folder / WEIGHTS
    _start_folder(job, folder, own)
    if not job.processes.from_main(weights.exists):
        job.console.print(f"member {number + 1} of {recipe.training.members}")
        detector = train_network(job, folder, own, first_seed=recipe.training.seed)
        if job.processes.is_main:
            _finish(job, detector, folder, own, with_heads=False)
        job.processes.wait()
    return Detector.load(weights, device=job.device)


def _finish(
    job: Job, detector: Detector, output: Path, recipe: Recipe, *, with_heads: bool
) -> None:
    """MultiBox and validation: minutes, which one process does alone; then the weights."""
    detector.recipe = recipe
    # Figures of the detector it started from are not those of what comes out
    detector.info = replace(detector.info, metrics={})
    if with_heads and _has_multibox(recipe):
        photographs = Photographs(job.dataset, job.folder, ())
        detector.multibox = train_multibox(
            detector, photographs, job.split[0], recipe.multibox, output / MULTIBOX, job.console
        )
    held_out: Sequence[int] = job.split[1]
    if held_out:
        figures = validate(detector, job.dataset, job.folder, list(held_out), job.console)
        detector.info.metrics.update(figures)
        if figures:
            add_validation(output, figures)
    detector.save(output / WEIGHTS)


def _has_multibox(recipe: Recipe) -> bool:
    """Whether a network of this recipe gets a MultiBox, which needs maps of whole photographs."""
    return recipe.multibox.boxes > 0 and recipe.network.mode == "shared"


def _start_folder(job: Job, output: Path, recipe: Recipe, seed: int | None = None) -> None:
    seed = recipe.training.seed if seed is None else seed
    about = job.data, job.data_digest, len(job.dataset)
    job.processes.from_main(
        lambda: start_run_folder(output, recipe, *about, seed, job.device, job.initial_digest)
    )
