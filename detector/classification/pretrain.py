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
from detector.recipes import PretrainOptions, to_dict
from detector.training_loop.curves import draw_curves
from detector.training_loop.distributed import join_processes
from detector.training_loop.machine import DEFAULT_MACHINE, Machine
from detector.training_loop.run_folder import (
    WEIGHTS,
    Origin,
    log_metrics,
    read_metrics,
    start_run_folder,
)
from detector.training_loop.splits import SPLIT_SEED, split_by_class
from detector.training_loop.trainer import PartLosses, Trainer, show_training
from detector.version import __version__
from detector.weights_file import load_imagenet, load_tensors, save_imagenet

AUXILIARY_WEIGHT = 0.3  # of each side classifier's loss (section 5)
VALIDATION_FRACTION = 0.1  # held out where there is no validation folder
VALIDATION_CROPS = 1


def pretrain(
    data: Path,
    output: Path,
    options: PretrainOptions,
    *,
    validation: Path | None = None,
    weights: Path | None = None,
    device: str | None = None,
    machine: Machine = DEFAULT_MACHINE,
    console: Console | None = None,
) -> Path:
    """Train GoogLeNet on a folder of classes; returns the path of the weights.

    They have the form of the bundled ImageNet weights: `detect classify` reads them, and a detector
    can be trained from them.

    Parameters
    ----------
    data
        One folder of pictures a class, or a folder with such folders `train` and `val`.
    output
        Run folder. An unfinished run in it with the same options is continued.
    validation
        Folder of the same classes to measure on; None takes the `val` of `data`, or holds out a
        tenth of the pictures.
    weights
        ImageNet weights (any file of their form) to start from, under a new last layer; None
        starts from scratch.

    Raises
    ------
    DetectorError
        Data that cannot be used; a run folder of other options, of other data or weights.
    """
    training, held_out = _read_data(data, validation)
    network = _network(training, options, weights)
    steps = CropSteps(training, options, machine)
    if not len(steps):
        raise DetectorError(
            f"{printable(data)}: no training step of {options.loop.images_per_step} "
            f"pictures in {len(training)}; raise --epochs or lower --batch"
        )
    with ExitStack() as stack:
        processes = stack.enter_context(join_processes(device))
        console = console or Console(stderr=True, quiet=not processes.is_main)
        classifier = Classifier(
            (network,), training.class_names, (), options.crop_side, processes.device
        )
        if held_out is not None:
            classifier.columns(held_out)  # refuses an unknown class now, not after hours
        stack.enter_context(processes.holding(output))
        if processes.is_main:
            initial = "scratch" if weights is None else hash_of_tensors(load_tensors(weights)[0])
            origin = Origin(data, training.fingerprint(), len(training), initial)
            seed = options.loop.seed
            start_run_folder(output, options, origin, seed, processes.device, machine)
        processes.wait()
        losses = classification_losses(console if processes.is_main else Console(stderr=True))
        trainer = Trainer(
            network, steps, losses, options.loop, output, processes, machine, uses_all=True
        )
        console.print(
            f"{len(training):,} pictures to train on, {len(held_out or ()):,} to validate, "
            f"{len(training.class_names):,} classes, {len(steps):,} steps"
            + (f"; continuing at step {trainer.step}" if trainer.step else "")
        )
        show_training(trainer, "pretraining", console)
        trainer.use_average()
        path = output / WEIGHTS
        if processes.is_main:
            save_imagenet(path, network, describe(training, options, None, weights))
            if held_out is not None:  # the weights are safe by now, whatever validation meets
                report = measure(classifier, held_out, VALIDATION_CROPS, console)
                save_imagenet(path, network, describe(training, options, report, weights))
                _log(output, trainer.step, report)
                console.print(report.table())
            console.print(f"weights: {path}", markup=False, soft_wrap=True)
        processes.wait()
        return path


def classification_losses(console: Console) -> PartLosses:
    """Cross entropy of the last layer, and of the side classifiers by their weight (section 5).

    The console names each picture that could not be read once.
    """
    reported: set[str] = set()

    def losses(model: GoogLeNet, part: Crops, device: torch.device) -> dict[str, Tensor]:
        for message in part.unreadable:
            if message not in reported:
                console.print(message, markup=False, highlight=False, soft_wrap=True)
                reported.add(message)
        pixels = preprocess(part.pixels.to(device)).contiguous(memory_format=torch.channels_last)
        labels = part.labels.to(device)
        last, *side = (F.cross_entropy(logits.float(), labels) for logits in model(pixels))
        return {"classes": last, "auxiliary": AUXILIARY_WEIGHT * torch.stack(side).sum()}

    return losses


def describe(
    training: ClassFolder,
    options: PretrainOptions,
    report: ClassificationReport | None,
    weights: Path | None,
) -> dict[str, str]:
    """Metadata of the weights, with the keys of the bundled ones."""
    errors = {} if report is None else asdict(report)
    return {
        "class_names": json.dumps(training.class_names),
        "crop_side": str(options.crop_side),
        "architecture": "GoogLeNet (arXiv 1409.4842 Table 1), no auxiliary heads",
        "preprocessing": "BGR, 0..255, subtract 104,117,123",
        "tensor_names": "Caffe layer name + .weight (O,I,H,W) or .bias",
        "source": f"detect pretrain, {len(training)} pictures, "
        + ("from scratch" if weights is None else f"from {weights.name}"),
        "recipe": json.dumps(to_dict(options)),
        "validation": json.dumps(errors),
        "version": __version__,
    }


def _log(output: Path, step: int, report: ClassificationReport) -> None:
    """Add the errors to the metrics, unless an earlier call of a finished run has done it."""
    errors = {
        "validation_top1_error": report.top1_error,
        "validation_top5_error": report.top5_error,
    }
    if not any(errors.keys() <= line.keys() for line in read_metrics(output)):
        log_metrics(output, step, errors)
        draw_curves(output)


def _network(folder: ClassFolder, options: PretrainOptions, weights: Path | None) -> GoogLeNet:
    torch.manual_seed(options.loop.seed)
    network = GoogLeNet(len(folder.class_names), auxiliary=True)
    if weights is not None:
        start = GoogLeNet(outputs=None)
        load_imagenet(start, weights)
        network.load_state_dict(start.state_dict(), strict=False)
    return network


def _read_data(data: Path, validation: Path | None) -> tuple[ClassFolder, ClassFolder | None]:
    """Pictures to train on and to measure on."""
    root, beside = find_parts(data)
    folder = read_class_folder(root)
    if len(folder.class_names) < 2:
        raise DetectorError(
            f"{printable(root)}: has only the class {folder.class_names[0]!r}; add a folder of "
            "pictures of another class"
        )
    if validation is not None:
        training, found = find_parts(validation)
        return folder, read_class_folder(found or training)
    if beside is not None:
        return folder, read_class_folder(beside)
    kept, held_out = split_by_class(folder.labels, VALIDATION_FRACTION, SPLIT_SEED)
    return folder.subset(kept), folder.subset(held_out) if held_out else None
