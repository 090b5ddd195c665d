"""An ensemble held against its members, and against itself with other settings, box for box.

    python benchmarks/members.py ENSEMBLE --data instances_test.json --output runs/members \\
        --row "postprocess.regress=false postprocess.refine=0" --row ""

Each member alone and all together judge the same proposals, once for every --row (settings of
`postprocess` or `network.average`, none for those of the weights). Every photograph is seen once,
and no network is asked twice for the same boxes. Each row leaves a folder as of `detect evaluate`;
the same command goes on where it was killed. Prints the table of `benchmarks/claims.py`; a member's
seconds are its share of those in which all look at a photograph together.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from itertools import compress
from pathlib import Path

import numpy as np
import torch
from claims import HEAD, Row, rows
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from detector import Detector, read_image
from detector.commands.process_settings import keep_compiled_layers, keep_freed_memory
from detector.errors import DetectorError
from detector.evaluation.results_folder import RunFolder
from detector.evaluation.run import coco_results, match_classes, run_settings
from detector.networks.ensemble import Member, voters
from detector.networks.scoring import Features, average_members, score_each
from detector.pictures.dataset_folder import check_image_folder, find_image_folder
from detector.recipes import override
from eval import Dataset, EvaluationError, read_dataset
from proposals.merge import merge_proposals

Floats = NDArray[np.float32]
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


class Voice(Detector):
    """A detector that listens: what a member told another voice, it need not be asked again.

    everybody: the members of all voices, who are asked together for the first boxes, which are
    the same for all. heard: by network and boxes, its answers and its share of the seconds they
    took; forgotten after every photograph. borrowed: what is to be added to the seconds of a voice
    for the answers that somebody else had asked for, less what it has asked for others.
    """

    everybody: Sequence[Member]
    heard: dict[tuple[int, bytes], tuple[Floats, Floats, float]]
    borrowed: float = 0.0

    def answers(
        self, features: Features, boxes_xyxy: Floats, likely: Floats | None = None
    ) -> tuple[Floats, Floats]:
        """Those of `Detector`, up to the rounding of a mean."""
        boxes = boxes_xyxy.tobytes()
        own = voters(self.members)
        asked = [one for one in own if (id(one.model), boxes) not in self.heard]
        if asked:
            asked = list(asked if self.heard else self.everybody)
            started = time.perf_counter()
            answers = score_each(asked, features, boxes_xyxy, self.recipe.network.batch)
            seconds = time.perf_counter() - started
            self.borrowed -= seconds
            for one, answer in zip(asked, answers, strict=True):
                self.heard[id(one.model), boxes] = *answer, seconds / len(asked)
        found = [self.heard[id(one.model), boxes] for one in own]
        self.borrowed += sum(share for _, _, share in found)
        said = [torch.from_numpy(probabilities) for probabilities, _, _ in found]
        mean = average_members(said, self.recipe.network.average).numpy()
        movers = [member.model.moves_boxes for member in own]
        moves = [deltas for _, deltas, _ in compress(found, movers)]
        return mean, np.mean(moves or [deltas for _, deltas, _ in found], 0)


def voices_of(detector: Detector, settings: str) -> list[tuple[str, Voice]]:
    """Each member alone, then all together, under one row's settings, by name.

    Proposer and regions are everybody's; there is no cascade.
    """
    words = settings.split()
    if any(not word.startswith(SHARING) for word in words):
        raise DetectorError(f"--row {settings!r}: only {' and '.join(SHARING)} share what was seen")
    first = detector.members[0]
    chooser = [] if first.mode == "warp" else [Member(first.model, "proposer")]
    judges = voters(detector.members)
    groups = {f"member-{n}-{judge.mode}": [*chooser, judge] for n, judge in enumerate(judges, 1)}
    groups["together"] = list(detector.members)
    recipe, info, device = override(detector.recipe, words), detector.info, detector.device
    recipe = replace(recipe, network=replace(recipe.network, cascade=()))
    found = []
    for name, members in groups.items():
        voice = Voice(detector.model, recipe, info, device, detector.multibox, members)
        voice.everybody = judges
        found.append(("-".join([name, *words]), voice))
    return found


def run(
    detector: Detector,
    voices: list[tuple[str, Voice]],
    dataset: Dataset,
    images: Path,
    output: Path,
) -> list[Path]:
    """Fill the run folder of every voice; their paths."""
    category_ids, _ = match_classes(detector.info.class_names, dataset, dataset.class_names)
    with ExitStack() as stack:
        folders = [
            stack.enter_context(RunFolder(output / name, run_settings(one, dataset)))
            for name, one in voices
        ]
        waiting = [r for r in dataset.images if any(r.id not in folder for folder in folders)]
        for record in track(waiting, "detecting", console=Console(stderr=True)):
            started = time.perf_counter()
            image = read_image(images / record.file_name)
            features, found = detector.features(image), detector.search(image)
            if detector.multibox is not None and detector.recipe.multibox.boxes:
                found = merge_proposals(found, detector.multibox_boxes(features))
            shared, heard = time.perf_counter() - started, {}
            for folder, (_, one) in zip(folders, voices, strict=True):
                if record.id in folder:
                    continue
                one.heard, one.borrowed, options = heard, 0.0, one.recipe.postprocess
                started = time.perf_counter()
                stages = one.score_regions(features, found.boxes_xyxy, options)
                detections = one.conclude(image, stages.scored, options.evaluate_threshold, options)
                seconds = shared + time.perf_counter() - started + one.borrowed
                counts = {"proposals": len(found), "regions": len(stages.regions_xyxy)}
                lines = coco_results(detections, record.id, category_ids)
                folder.add(record.id, seconds, lines, more=counts)
        return [folder.folder for folder in folders]


def summaries(table: list[Row], settings: list[str]) -> list[str]:
    """For every row of settings: all together against the mean of the members."""
    found, size = [""], len(table) // len(settings)
    for first, words in zip(range(0, len(table), size), settings, strict=True):
        *alone, together = (100 * row.mean.value for row in table[first : first + size])
        found.append(
            f"{words or 'as the weights have it'}: mean of the {len(alone)} members "
            f"{np.mean(alone):.1f}, together {together:.1f}: {together - np.mean(alone):+.1f}"
        )
    return found


if __name__ == "__main__":
    main()
