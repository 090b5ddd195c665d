"""`detect pretrain`: from labelled pictures to a GoogLeNet that classifies them (section 6)."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import torch
from rich.console import Console
from torch import Tensor
from torch.nn import functional as F

from detector.classification.class_folder import ClassFolder, find_parts, read_class_folder
from detector.classification.classifier import Classifier
from detector.classification.error_rates import ClassificationReport, measure
from detector.classification.pretrain_data import Crops, CropSteps
from detector.errors import DetectorError
from detector.files.digests import hash_of_tensors
from detector.files.names import printable
from detector.networks.googlenet import GoogLeNet, preprocess
from detector.recipes import PretrainOptions, Recipe
from detector.training_loop.curves import draw_curves
from detector.training_loop.distributed import join_processes
from detector.training_loop.run_folder import WEIGHTS, log_metrics, read_metrics, start_run_folder
from detector.training_loop.splits import SPLIT_SEED, split_by_class
from detector.training_loop.trainer import PartLosses, Trainer, show_training
from detector.version import __version__
from detector.weights_file import load_imagenet, load_tensors, save_imagenet

VALIDATION_CROPS = 1


def pretrain(
    data: Path,
    output: Path,
    recipe: Recipe,
    *,
    validation: Path | None = None,
    weights: Path | None = None,
    device: str | None = None,
    console: Console | None = None,
) -> Path:
    """Train GoogLeNet on a folder of classes by `recipe.pretrain`; returns the weights' path.

    What it writes has the form of the bundled ImageNet weights: `detect classify` reads it, and
    a detector can be trained from it.

    Parameters
    ----------
    data
        One folder of pictures a class, or a folder with such folders `train` and `val`.
    output
        Run folder. An unfinished run found there with the same recipe is continued.
    validation
        Folder of the same classes to measure on; None takes the `val` of `data`, or holds out a
        part of the pictures.
    weights
        ImageNet weights (any file of their form) to begin with, under a new last layer; None
        begins from scratch.

    Raises
    ------
    DetectorError
        Data that cannot be used; a run folder of another recipe, of other data or weights.
    """
    training, held = _read_data(data, validation, recipe.pretrain)
    network = _network(training, recipe.pretrain, weights)
    steps = CropSteps(training, recipe.pretrain)
    if not len(steps):
        raise DetectorError(
            f"{printable(data)}: no training step of {recipe.pretrain.images_per_step} "
            f"pictures in {len(training)}; raise --epochs or lower --batch"
        )
    with ExitStack() as stack:
        processes, chosen = stack.enter_context(join_processes(device))
        console = console or Console(stderr=True, quiet=not processes.is_main)
        classifier = Classifier(
            (network,), training.class_names, (), recipe.pretrain.crop_side, chosen
        )
        if held is not None:
            classifier.columns(held)  # a class that is not trained on is told now
        stack.enter_context(processes.holding(output))
        if processes.is_main:
            initial = "scratch" if weights is None else hash_of_tensors(load_tensors(weights)[0])
            seed = recipe.pretrain.seed
            content = training.fingerprint()
            start_run_folder(output, recipe, data, content, len(training), seed, chosen, initial)
        processes.wait()
        said = console if processes.is_main else Console(stderr=True)
        losses = classification_losses(recipe.pretrain, said)
        trainer = Trainer(
            network, steps, losses, recipe.pretrain, output, chosen, processes, uses_all=True
        )
        console.print(
            f"{len(training):,} pictures to train on, {len(held) if held else 0:,} to validate, "
            f"{len(training.class_names):,} classes, {len(steps):,} steps"
            + (f"; continuing at step {trainer.step}" if trainer.step else "")
        )
        show_training(trainer, "pretraining", console)
        trainer.use_average()
        path = output / WEIGHTS
        if processes.is_main:
            save_imagenet(path, network, describe(training, recipe, None, weights))
            if held is not None:  # what was learned is safe, whatever befalls its measuring
                report = measure(classifier, held, VALIDATION_CROPS, console)
                save_imagenet(path, network, describe(training, recipe, report, weights))
                _log(output, trainer.step, report)
                console.print(report.table())
            console.print(f"weights: {path}", markup=False, soft_wrap=True)
        processes.wait()
        return path


def classification_losses(options: PretrainOptions, console: Console) -> PartLosses:
    """Cross entropy of the last layer, and of the side classifiers by their weight (section 5).

    Pictures of a part that could not be read are named on the console, each once.
    """
    said: set[str] = set()

    def losses(model: GoogLeNet, part: Crops, device: torch.device) -> dict[str, Tensor]:
        for message in part.unreadable:
            if message not in said:
                console.print(message, markup=False, highlight=False, soft_wrap=True)
                said.add(message)
        pixels = preprocess(part.pixels.to(device)).contiguous(memory_format=torch.channels_last)
        labels = part.labels.to(device)
        last, *side = (F.cross_entropy(logits.float(), labels) for logits in model(pixels))
        return {"classes": last, "auxiliary": options.auxiliary_weight * torch.stack(side).sum()}

    return losses


def describe(
    training: ClassFolder,
    recipe: Recipe,
    report: ClassificationReport | None,
    weights: Path | None,
) -> dict[str, str]:
    """Metadata of the weights, with the keys of the bundled ones."""
    errors = {} if report is None else asdict(report)
    return {
        "class_names": json.dumps(training.class_names),
        "crop_side": str(recipe.pretrain.crop_side),
        "architecture": "GoogLeNet (arXiv 1409.4842 Table 1), no auxiliary heads",
        "preprocessing": "BGR, 0..255, subtract 104,117,123",
        "tensor_names": "Caffe layer name + .weight (O,I,H,W) or .bias",
        "source": f"detect pretrain, {len(training)} pictures, "
        + ("from scratch" if weights is None else f"from {weights.name}"),
        "recipe": json.dumps(asdict(recipe.pretrain)),
        "validation": json.dumps(errors),
        "version": __version__,
    }


def _log(output: Path, step: int, report: ClassificationReport) -> None:
    """Add the errors to the metrics, once; a finished run that is called again has them."""
    errors = {
        "validation_top1_error": report.top1_error,
        "validation_top5_error": report.top5_error,
    }
    if not any(errors.keys() <= line.keys() for line in read_metrics(output)):
        log_metrics(output, step, errors)
        draw_curves(output)


def _network(folder: ClassFolder, options: PretrainOptions, weights: Path | None) -> GoogLeNet:
    torch.manual_seed(options.seed)
    network = GoogLeNet(len(folder.class_names), auxiliary=True)
    if weights is not None:
        start = GoogLeNet(outputs=None)
        load_imagenet(start, weights)
        network.load_state_dict(start.state_dict(), strict=False)
    return network


def _read_data(
    data: Path, validation: Path | None, options: PretrainOptions
) -> tuple[ClassFolder, ClassFolder | None]:
    """Pictures to train on and to measure on."""
    root, beside = find_parts(data)
    folder = read_class_folder(root)
    if len(folder.class_names) < 2:
        raise DetectorError(
            f"{printable(root)}: holds one class, {folder.class_names[0]!r}; there is nothing to "
            "tell apart"
        )
    if validation is not None:
        training, found = find_parts(validation)
        return folder, read_class_folder(found or training)
    if beside is not None:
        return folder, read_class_folder(beside)
    kept, held = split_by_class(folder.labels, options.validation_fraction, SPLIT_SEED)
    return folder.subset(kept), folder.subset(held) if held else None
