"""`detect train`: from a data set to a run folder with weights."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from rich.console import Console

from configs import ProposalOptions, Recipe
from detector.errors import DetectorError
from detector.fine_tuning import detector_losses, freeze_until
from detector.images import read_image
from detector.loading import choose_device
from detector.pipeline import Detector
from detector.progress import show_training, track
from detector.regions import RegionClassifier
from detector.train_multibox import train_multibox
from detector.training import Trainer
from detector.training_data import Photographs, StepData, split_validation
from detector.version import __version__
from detector.weights_file import IMAGENET_WEIGHTS, WeightsInfo, load_imagenet, save_weights
from eval import Dataset, Report, evaluate, read_dataset
from proposals.batch import selective_search_many
from proposals.cache import ProposalCache

IMAGE_FOLDERS = ("", "images", "JPEGImages")  # beside the JSON, tried in this order


def train(
    data: Path,
    output: Path,
    recipe: Recipe,
    *,
    detector: Detector | None = None,
    with_multibox: bool = True,
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
    detector
        Train MultiBox alone, on the trunk of this detector; its other weights are kept.
    with_multibox
        False trains the detector alone, as a recipe with no MultiBox boxes does.
    images
        Folder of the pictures; None looks beside the JSON.
    cache_folder
        Where proposals are kept for the next run; None takes that of all runs.
    use_cache
        False computes all proposals anew and keeps none.
    """
    console = console or Console(stderr=True)
    dataset = read_dataset(data)
    if not len(dataset.all_truths):
        raise DetectorError(f"{data}: holds no boxes to learn from; add annotations")
    folder = images or find_image_folder(data, dataset)
    _start_run_folder(output, recipe)
    split = split_validation(
        len(dataset), recipe.training.validation_fraction, recipe.training.seed
    )
    if detector is None:
        cache = ProposalCache(cache_folder) if use_cache else None
        proposals = _proposals(dataset, folder, recipe.proposals, cache, console)
        photographs = Photographs(dataset, folder, proposals)
        detector = _train_detector(
            photographs, split, recipe, output, choose_device(device), imagenet_weights, console
        )
    if with_multibox and recipe.multibox.boxes:
        photographs = Photographs(dataset, folder, ())
        detector.multibox = train_multibox(
            detector, photographs, split[0], recipe.multibox, output / "multibox", console
        )
    if split[1]:
        report = validate(detector, dataset, folder, split[1], console)
        console.print(report.table())
        detector.info.metrics["validation_mAP50"] = round(report.map, 4)
    weights = output / "weights.safetensors"
    save_weights(weights, detector.model, detector.info, detector.multibox)
    console.print(f"weights: {weights}", markup=False)
    return weights


def _train_detector(
    photographs: Photographs,
    split: tuple[list[int], list[int]],
    recipe: Recipe,
    output: Path,
    device: torch.device,
    imagenet_weights: Path,
    console: Console,
) -> Detector:
    options, dataset = recipe.training, photographs.dataset
    training, validation = split
    torch.manual_seed(options.seed)
    model = RegionClassifier(len(dataset.class_names))
    load_imagenet(model.network, imagenet_weights)
    steps = StepData(photographs, training, recipe.network, options)
    if not len(steps):
        raise DetectorError(
            f"{dataset.source}: no training step in {len(training)} photographs; add data"
        )
    freeze_until(model, options.freeze)
    trainer = Trainer(model, steps, detector_losses(options), options, output, device)
    console.print(
        f"{len(training)} photographs to train on, {len(validation)} to validate, "
        f"{len(dataset.class_names)} classes, {len(steps)} steps"
        + (f"; continuing at step {trainer.step}" if trainer.step else "")
    )
    show_training(trainer, "training", console)
    trainer.use_average()
    info = WeightsInfo(
        class_names=dataset.class_names,
        category_ids=dataset.category_ids,
        recipe=recipe.to_dict(),
        provenance={"data": dataset.source, "images": len(training), "initial": "BVLC GoogLeNet"},
        version=__version__,
    )
    return Detector(model, recipe, info, device)


def validate(
    detector: Detector, dataset: Dataset, folder: Path, images: list[int], console: Console
) -> Report:
    """VOC mAP (IoU .5, area AP) of the detector on some photographs."""
    rows = []
    for index in track(images, "validating", console):
        record = dataset.images[index]
        detections = detector(folder / record.file_name, preset="evaluate")
        rows.extend(detections.to_coco(image_id=record.id))
    return evaluate(rows, dataset.subset(images), protocol="voc")


def find_image_folder(data: Path, dataset: Dataset) -> Path:
    """The folder beside the JSON that holds its first picture."""
    if not len(dataset):
        raise DetectorError(f"{data}: lists no images; give a data set with photographs")
    first = dataset.images[0].file_name
    for name in IMAGE_FOLDERS:
        if (data.parent / name / first).is_file():
            return data.parent / name
    raise DetectorError(f"{data}: its picture {first} is not beside it; give --images FOLDER")


def _start_run_folder(output: Path, recipe: Recipe) -> None:
    """Write the recipe, or check that the run to be continued has the same one."""
    output.mkdir(parents=True, exist_ok=True)
    path = output / "recipe.yaml"
    text = yaml.safe_dump(_plain(recipe.to_dict()), sort_keys=False)
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise DetectorError(f"{path}: another recipe was used here; give another --output")
    path.write_text(text, encoding="utf-8")


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return list(value) if isinstance(value, tuple) else value


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
