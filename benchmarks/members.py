"""An ensemble held against its members, and against itself with other settings, box for box.

    python benchmarks/members.py ENSEMBLE --data instances_test.json --output runs/members \\
        --row "postprocess.regress=false postprocess.refine=0" --row ""

Each member alone and all together classify the same regions, once for every --row (settings of
`postprocess` or `network.average`; an empty row has those of the weights). Every photograph is seen
once, and every network predicts once; best boxes are not refined. Each row leaves a folder like
that of `detect evaluate`; the same command continues a run that was killed. Prints the table of
`benchmarks/claims.py`; a member's seconds are its share of the pass of all networks together.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from claims import HEAD, Row, rows
from rich.console import Console
from rich.progress import track

from detector import Detector
from detector.errors import DetectorError
from detector.evaluation.results_folder import ResultsFolder
from detector.evaluation.run import coco_results, match_classes, run_settings
from detector.networks.ensemble import Member, voters
from detector.networks.scoring import Prediction, Reader, average_members, predict_each
from detector.pictures.dataset_folder import check_image_folder, find_image_folder
from detector.pictures.reading import read_scaled
from detector.postprocess import suppress
from detector.processes.settings import keep_compiled_layers, keep_freed_memory
from detector.recipes import Recipe, override
from detector.region_scores import choose_regions, objectness_of, scored_boxes
from eval import Dataset, EvaluationError, read_dataset
from eval.wording import difference, fraction

SHARING = ("postprocess.", "network.average")


def main() -> None:
    """Read the arguments, run what is not done, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("weights", help="file or run folder of several networks")
    parser.add_argument("--data", type=Path, required=True, help="ground truth")
    parser.add_argument("--images", type=Path, help="its pictures (default: beside it)")
    parser.add_argument("--output", type=Path, required=True, help="folder of the run folders")
    parser.add_argument("--limit", type=int, help="the first images alone")
    parser.add_argument("--row", action="append", metavar="SETTINGS", help="may be repeated")
    arguments = parser.parse_args()
    keep_freed_memory()
    keep_compiled_layers()
    try:
        dataset = read_dataset(arguments.data)
        dataset = dataset.subset(list(range(len(dataset)))[: arguments.limit])
        find = check_image_folder if arguments.images else find_image_folder
        images = find(arguments.images or arguments.data, dataset)
        detector = Detector.load(arguments.weights)
        settings = arguments.row or [""]
        voices = [voice for words in settings for voice in voices_of(detector, words)]
        folders = run(detector, voices, dataset, images, arguments.output)
    except (DetectorError, EvaluationError) as error:
        parser.error(str(error))
    table = rows(folders, dataset)
    print("\n".join([HEAD, *map(str, table), *summaries(table, settings)]))


class Voice(NamedTuple):
    """Networks that vote together, under the settings of one row."""

    name: str
    rows: list[int]  # of the ensemble's voters
    recipe: Recipe


def voices_of(detector: Detector, settings: str) -> list[Voice]:
    """Each member alone, then all together, under the settings of one row.

    Proposer and regions are the same for all. There is neither a cascade nor refinement, which
    would want predictions of other boxes from each voice.
    """
    words = settings.split()
    if any(not word.startswith(SHARING) for word in words):
        raise DetectorError(f"--row {settings!r}: only {' and '.join(SHARING)} share predictions")
    recipe = override(detector.recipe, words)
    recipe = replace(
        recipe,
        network=replace(recipe.network, cascade=()),
        postprocess=replace(recipe.postprocess, refine_boxes=0),
    )
    members = voters(detector.members)
    groups = {f"member-{n}-{member.mode}": [n - 1] for n, member in enumerate(members, 1)}
    groups["together"] = list(range(len(members)))
    return [Voice("-".join([name, *words]), rows, recipe) for name, rows in groups.items()]


def alone(detector: Detector, voice: Voice) -> Detector:
    """The detector that the voice is, whose settings its run folder records."""
    members = [voters(detector.members)[row] for row in voice.rows]
    if detector.members[0].mode != "warp":
        members.insert(0, Member(detector.model, "proposer"))
    return Detector(members, voice.recipe, detector.info, detector.device, detector.multibox)


def run(
    detector: Detector, voices: list[Voice], dataset: Dataset, images: Path, output: Path
) -> list[Path]:
    """Fill the run folder of every voice; their paths."""
    names = detector.info.class_names
    category_ids, _ = match_classes(names, dataset, dataset.class_names)
    network = replace(detector.recipe.network, cascade=())
    with ExitStack() as stack:
        folders = [
            stack.enter_context(
                ResultsFolder(output / voice.name, run_settings(alone(detector, voice), dataset))
            )
            for voice in voices
        ]
        waiting = [r for r in dataset.images if any(r.id not in folder for folder in folders)]
        for record in track(waiting, "detecting", console=Console(stderr=True)):
            started = time.perf_counter()
            picture = read_scaled(images / record.file_name)
            image = picture.pixels
            features = detector.see(image)
            proposals = detector.proposer.propose(image, features)
            objectness = objectness_of(features, proposals.boxes_xyxy)
            chosen = choose_regions(features, proposals.boxes_xyxy, objectness, network)
            boxes, objectness = proposals.boxes_xyxy[chosen], objectness[chosen]
            shared, started = time.perf_counter() - started, time.perf_counter()
            predictions = predict_each(features.voters, features, boxes)
            each = (time.perf_counter() - started) / len(predictions)
            for folder, voice in zip(folders, voices, strict=True):
                if record.id in folder:
                    continue
                started, options = time.perf_counter(), voice.recipe.postprocess
                prediction = mean_of(predictions, voice, features.voters)
                scored = scored_boxes(prediction, boxes, objectness, features.size, options)
                kept = suppress(scored, options)
                detections = detector.detections(picture, kept)
                seconds = shared + each * len(voice.rows) + time.perf_counter() - started
                counts = {"proposals": len(proposals), "regions": len(boxes)}
                lines = coco_results(detections, record.id, category_ids)
                folder.add(record.id, seconds, lines, more=counts)
        return [folder.folder for folder in folders]


def mean_of(
    predictions: Sequence[Prediction], voice: Voice, readers: Sequence[Reader]
) -> Prediction:
    """What `predict` gives for the networks of a voice, up to the rounding of a mean."""
    probabilities = [torch.from_numpy(predictions[row].probabilities) for row in voice.rows]
    deltas = [
        predictions[row].deltas for row in voice.rows if readers[row].member.model.moves_boxes
    ]
    return Prediction(
        average_members(probabilities, voice.recipe.network.average).numpy(),
        np.mean(deltas or [np.zeros_like(predictions[0].deltas)], 0),
    )


def summaries(table: list[Row], settings: list[str]) -> list[str]:
    """For every row of settings: all together against the mean of the members."""
    found, size = [""], len(table) // len(settings)
    for first, words in zip(range(0, len(table), size), settings, strict=True):
        *alone, together = (row.mean.value for row in table[first : first + size])
        found.append(
            f"{words or 'as the weights have it'}: mean of the {len(alone)} members "
            f"{fraction(np.mean(alone))}, together {fraction(together)}: "
            f"{difference(together - np.mean(alone))}"
        )
    return found


if __name__ == "__main__":
    main()
