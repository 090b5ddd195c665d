"""An ensemble held against its members, and against itself with other settings, box for box.

    python benchmarks/members.py ENSEMBLE --data instances_test.json --output runs/members \\
        --row "postprocess.regress=false postprocess.refine=0" --row ""

Every photograph is seen once; each member alone, then all together once for every --row (settings
of `postprocess`, none for those of the weights), judge the same proposals. Each leaves a folder as
of `detect evaluate`; the same command goes on where it was killed. Prints the table of
`benchmarks/claims.py`; a member's seconds hold the other members' trunks too.
"""

from __future__ import annotations

import argparse
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from claims import HEAD, Row, rows
from rich.console import Console
from rich.progress import track

from configs import RecipeError, override
from detector import Detector, read_image
from detector.ensemble import Member
from detector.errors import DetectorError
from detector.evaluation_run import coco_results, match_classes, run_settings
from detector.image_folder import check_image_folder, find_image_folder
from detector.reuse import keep_compiled_layers, keep_freed_memory
from detector.streaming import RunFolder
from eval import Dataset, EvaluationError, read_dataset
from proposals.merge import merge_proposals


def main() -> None:
    """Read the arguments, run what is not done, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("weights", help="file or run folder of several networks")
    parser.add_argument("--data", type=Path, required=True, help="ground truth")
    parser.add_argument("--images", type=Path, help="its pictures (default: beside it)")
    parser.add_argument("--output", type=Path, required=True, help="folder of the run folders")
    parser.add_argument("--limit", type=int, help="the first images alone")
    parser.add_argument(
        "--row", action="append", metavar="SETTINGS", help="of all together; may be repeated"
    )
    arguments = parser.parse_args()
    keep_freed_memory()
    keep_compiled_layers()
    try:
        dataset = read_dataset(arguments.data)
        dataset = dataset.subset(list(range(len(dataset)))[: arguments.limit])
        find = check_image_folder if arguments.images else find_image_folder
        images = find(arguments.images or arguments.data, dataset)
        detector = Detector.load(arguments.weights)
        voices = [*alone(detector), *together(detector, arguments.row or [""])]
        folders = run(detector, voices, dataset, images, arguments.output)
    except (DetectorError, EvaluationError, RecipeError) as error:
        parser.error(str(error))
    table = rows(folders, dataset)
    print("\n".join([HEAD, *map(str, table), summary(table, len(alone(detector)))]))


def alone(detector: Detector) -> list[tuple[str, Detector]]:
    """Each member as the only one with a vote, by name; proposer and recipe are everybody's."""
    first = detector.members[0]
    chooser = [] if first.mode == "warp" else [Member(first.model, "proposer")]
    voters = [member for member in detector.members if member.mode != "proposer"]
    return [
        (f"member-{number}-{voter.mode}", _variant(detector, [*chooser, voter]))
        for number, voter in enumerate(voters, 1)
    ]


def together(detector: Detector, settings: list[str]) -> list[tuple[str, Detector]]:
    """All members, under each of the settings, by name."""
    found = []
    for words in settings:
        if any(not word.startswith("postprocess.") for word in words.split()):
            raise RecipeError(f"--row {words!r}: settings of postprocess alone share what was seen")
        one = _variant(detector, list(detector.members))
        one.recipe = override(detector.recipe, words.split())
        found.append(("-".join(["together", *words.split()]), one))
    return found


def _variant(detector: Detector, members: list[Member]) -> Detector:
    recipe, info, device = detector.recipe, detector.info, detector.device
    return Detector(detector.model, recipe, info, device, detector.multibox, members)


def run(
    detector: Detector,
    voices: list[tuple[str, Detector]],
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
            shared = time.perf_counter() - started
            for folder, (_, one) in zip(folders, voices, strict=True):
                if record.id in folder:
                    continue
                started, options = time.perf_counter(), one.recipe.postprocess
                stages = one.score_regions(features, found.boxes_xyxy, options)
                detections = one.conclude(image, stages.scored, options.evaluate_threshold, options)
                seconds = shared + time.perf_counter() - started
                counts = {"proposals": len(found), "regions": len(stages.regions_xyxy)}
                lines = coco_results(detections, record.id, category_ids)
                folder.add(record.id, seconds, lines, counts=counts)
        return [folder.folder for folder in folders]


def summary(table: list[Row], members: int) -> str:
    """The last row of all together against the mean of its members."""
    mean, best = np.mean([row.mean.value for row in table[:members]]), table[-1].mean.value
    return (
        f"\nmean of the {members} members {100 * mean:.1f}, all together {100 * best:.1f}: "
        f"{100 * (best - mean):+.1f}"
    )


if __name__ == "__main__":
    main()
