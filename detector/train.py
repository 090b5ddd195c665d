"""`detect train`: from a data set to a run folder with weights."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from configs import ProposalOptions, Recipe
from detector.errors import DetectorError
from detector.fine_tuning import detector_losses, freeze_until
from detector.images import read_image
from detector.pipeline import Detector, choose_device
from detector.regions import RegionClassifier
from detector.training import Trainer
from detector.training_data import Photographs, StepData, split_validation
from detector.version import __version__
from detector.weights_file import IMAGENET_WEIGHTS, WeightsInfo, load_imagenet, save_weights
from eval import Dataset, Report, evaluate, read_dataset
from proposals.batch import selective_search_many
from proposals.cache import ProposalCache

T = TypeVar("T")
IMAGE_FOLDERS = ("", "images", "JPEGImages")  # beside the JSON, tried in this order


def train(
    data: Path,
    output: Path,
    recipe: Recipe,
    *,
    images: Path | None = None,
    device: str | None = None,
    imagenet_weights: Path = IMAGENET_WEIGHTS,
    cache_folder: Path | None = None,
    use_cache: bool = True,
    console: Console | None = None,
) -> Path:
    """Train a detector and return the path of its weights.

    Parameters
    ----------
    data
        COCO JSON with boxes. A validation split is cut from it; nothing is chosen on other data.
    output
        Run folder. An unfinished run found there with the same recipe is continued.
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
    cache = ProposalCache(cache_folder) if use_cache else None
    photographs = Photographs(
        dataset, folder, _proposals(dataset, folder, recipe.proposals, cache, console)
    )
    options = recipe.training
    training, validation = split_validation(len(dataset), options.validation_fraction, options.seed)
    torch.manual_seed(options.seed)
    model = RegionClassifier(len(dataset.class_names))
    load_imagenet(model.network, imagenet_weights)
    steps = StepData(photographs, training, recipe.network, options)
    if not len(steps):
        raise DetectorError(f"{data}: no training step in {len(training)} photographs; add data")
    freeze_until(model, options.freeze)
    trainer = Trainer(
        model, steps, detector_losses(options), options, output, choose_device(device)
    )
    console.print(
        f"{len(training)} photographs to train on, {len(validation)} to validate, "
        f"{len(dataset.class_names)} classes, {len(steps)} steps"
        + (f"; continuing at step {trainer.step}" if trainer.step else "")
    )
    _run(trainer, console)
    trainer.use_average()

    info = WeightsInfo(
        class_names=dataset.class_names,
        category_ids=dataset.category_ids,
        recipe=recipe.to_dict(),
        provenance={"data": dataset.source, "images": len(training), "initial": "BVLC GoogLeNet"},
        version=__version__,
    )
    detector = Detector(model, recipe, info, trainer.device)
    if validation:
        report = validate(detector, photographs, validation, console)
        console.print(report.table())
        info.metrics.update({"validation_mAP50": round(report.map, 4)})
    weights = output / "weights.safetensors"
    save_weights(weights, detector.model, info)
    console.print(f"weights: {weights}", markup=False)
    return weights


def validate(
    detector: Detector, photographs: Photographs, images: list[int], console: Console
) -> Report:
    """VOC mAP (IoU .5, area AP) of the detector on some photographs, with their proposals."""
    rows = []
    for index in track(images, "validating", console):
        record = photographs.dataset.images[index]
        detections = detector(
            photographs.folder / record.file_name,
            proposals=photographs.proposals[index],
            preset="evaluate",
        )
        rows.extend(detections.to_coco(image_id=record.id))
    return evaluate(rows, photographs.dataset.subset(images), protocol="voc")


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


def _run(trainer: Trainer, console: Console) -> None:
    columns = (
        TextColumn("training"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        TextColumn("{task.fields[loss]}"),
    )  # fmt: skip
    with Progress(*columns, console=console, speed_estimate_period=600) as bar:
        task = bar.add_task("", total=len(trainer.data), completed=trainer.step, loss="")
        for progress in trainer.run():
            loss = "  ".join(f"{key} {value:.3f}" for key, value in progress.losses.items())
            bar.update(task, completed=progress.step, loss=loss)


def track(items: Iterable[T], what: str, console: Console, total: int | None = None) -> Iterable[T]:
    """Iterate with a progress bar."""
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        yield from bar.track(items, total=total)
