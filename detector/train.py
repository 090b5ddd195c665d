"""`detect train`: from a data set to a run folder with weights."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console

from configs import ProposalOptions, Recipe
from detector.curves import add_validation
from detector.distributed import Processes, join_processes
from detector.errors import DetectorError
from detector.fine_tuning import detector_losses, freeze_until, trunk_is_frozen
from detector.image_folder import find_image_folder
from detector.images import read_image
from detector.pipeline import Detector
from detector.progress import show_training, track
from detector.regions import RegionClassifier
from detector.run_folder import WEIGHTS, start_run_folder
from detector.train_multibox import train_multibox
from detector.training import Trainer
from detector.training_data import Photographs, StepData, split_validation
from detector.version import __version__
from detector.weights_file import IMAGENET_WEIGHTS, WeightsInfo, load_imagenet
from eval import Dataset, evaluate, read_dataset
from proposals.batch import selective_search_many
from proposals.cache import ProposalCache
from proposals.recall import RecallMeter


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
        Run folder. An unfinished run found there with the same recipe is continued.
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
    """
    dataset = read_dataset(data)
    if not len(dataset.all_truths):
        raise DetectorError(f"{data}: holds no boxes to learn from; add annotations")
    folder = images or find_image_folder(data, dataset)
    options = recipe.training
    split = split_validation(len(dataset), options.validation_fraction, options.seed)
    with join_processes(device) as (processes, chosen):
        console = (console or Console(stderr=True)) if processes.is_main else Console(quiet=True)
        processes.from_main(
            lambda: start_run_folder(output, recipe, data, len(dataset), options.seed, chosen)
        )
        detector = start
        if detector is None or part != "multibox":
            cache = ProposalCache(cache_folder) if use_cache else None
            with processes.main_first():  # the others find its proposals in the cache
                proposals = _proposals(dataset, folder, recipe.proposals, cache, console)
            detector = _train_detector(
                Photographs(dataset, folder, proposals), split, recipe, output, start,
                chosen, processes, imagenet_weights, console,
            )  # fmt: skip
        weights = output / WEIGHTS
        if processes.is_main:
            detector = _finish(detector, dataset, folder, split, recipe, part, output, console)
            detector.save(weights)
        processes.wait()
    console.print(f"weights: {weights}", markup=False)
    return weights


def _finish(
    detector: Detector,
    dataset: Dataset,
    folder: Path,
    split: tuple[list[int], list[int]],
    recipe: Recipe,
    part: str,
    output: Path,
    console: Console,
) -> Detector:
    """MultiBox and validation: minutes, which one process does alone."""
    detector.recipe = recipe
    # Figures of the detector it started from are not those of what comes out
    detector.info = replace(detector.info, metrics={})
    if part != "detector" and recipe.multibox.boxes:
        photographs = Photographs(dataset, folder, ())
        detector.multibox = train_multibox(
            detector, photographs, split[0], recipe.multibox, output / "multibox", console
        )
    if split[1]:
        figures = validate(detector, dataset, folder, split[1], console)
        detector.info.metrics.update(figures)
        add_validation(output, figures)
    return detector


def _train_detector(
    photographs: Photographs,
    split: tuple[list[int], list[int]],
    recipe: Recipe,
    output: Path,
    start: Detector | None,
    device: torch.device,
    processes: Processes,
    imagenet_weights: Path,
    console: Console,
) -> Detector:
    options, dataset = recipe.training, photographs.dataset
    training, validation = split
    torch.manual_seed(options.seed)
    if start is None:
        model, multibox = RegionClassifier(len(dataset.class_names)), None
        load_imagenet(model.network, imagenet_weights)
    else:
        model, multibox = start.model, start.multibox
        if multibox is not None:
            multibox.to(device)
        if start.info.class_names != dataset.class_names:
            raise DetectorError(
                f"{dataset.source}: its classes are not those of the detector to start from; "
                "leave out --weights to start from the ImageNet weights"
            )
    steps = StepData(photographs, training, recipe.network, options)
    if not len(steps):
        raise DetectorError(
            f"{dataset.source}: no training step in {len(training)} photographs; add data"
        )
    freeze_until(model, options.freeze)
    losses = detector_losses(options, multibox)
    trainer = Trainer(model, steps, losses, options, output, device, processes)
    console.print(
        f"{len(training)} photographs to train on, {len(validation)} to validate, "
        f"{len(dataset.class_names)} classes, {len(steps)} steps"
        + (f"; continuing at step {trainer.step}" if trainer.step else "")
    )
    show_training(trainer, "training", console)
    initial = "BVLC GoogLeNet" if start is None else "another detector"
    trainer.use_average()
    info = WeightsInfo(
        class_names=dataset.class_names,
        category_ids=dataset.category_ids,
        recipe=recipe.to_dict(),
        provenance={"data": dataset.source, "images": len(training), "initial": initial},
        version=__version__,
    )
    # MultiBox answers for the trunk it was trained on, and for no other
    return Detector(model, recipe, info, device, multibox if trunk_is_frozen(model) else None)


def validate(
    detector: Detector, dataset: Dataset, folder: Path, images: list[int], console: Console
) -> dict[str, float]:
    """Measure on some photographs: VOC mAP (IoU .5, area AP), and the recall of the proposals."""
    rows: list[dict[str, Any]] = []
    meter = RecallMeter()
    for index in track(images, "validating", console):
        record, truths = dataset.images[index], dataset.truths(index)
        image = read_image(folder / record.file_name)
        proposals = detector.propose(image)
        detections = detector(image, proposals=proposals, preset="evaluate")
        rows.extend(detections.to_coco(image_id=record.id))
        meter.add(proposals.boxes_xyxy, truths.boxes_xyxy, truths.labels, truths.ignored)
    report = evaluate(rows, dataset.subset(images), protocol="voc")
    recall = meter.report(dataset.class_names)
    console.print(report.table())
    console.print(recall.table())
    return {
        "validation_mAP50": round(report.map, 4),
        "validation_recall50": round(recall.recall(0.5), 4),
    }


def _proposals(
    dataset: Dataset,
    folder: Path,
    options: ProposalOptions,
    cache: ProposalCache | None,
    console: Console,
) -> list[NDArray[np.float32]]:
    readers = [partial(read_image, folder / record.file_name) for record in dataset.images]
    computed = selective_search_many(
        readers,
        cache=cache,
        mode=options.mode,
        superpixel_scale=options.superpixel_scale,
        seed=options.seed,
        width=options.width or None,
        min_side=options.min_side,
    )
    found = track(computed, "proposals", console, total=len(readers))
    return [proposals.boxes_xyxy for proposals in found]
