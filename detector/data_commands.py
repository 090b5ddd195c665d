"""`detect evaluate` and `detect train`: the commands that work on a data set."""

from __future__ import annotations

import time
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detector.cli import load_detector, progress, say
from detector.errors import DetectorError
from detector.image_files import printable
from detector.output import write_file

if TYPE_CHECKING:
    from detector.pipeline import Detector

DEFAULT_RECIPE = "voc20"


def evaluate(arguments: Namespace) -> int:
    """`detect evaluate`: run the detector over a data set, or take results, and print mAP."""
    from eval import evaluate as judge
    from eval import read_dataset

    if arguments.limit and arguments.detections:
        raise DetectorError(
            "--limit says how many pictures the detector runs on; leave it out with --detections"
        )
    dataset = read_dataset(arguments.data)
    if arguments.limit:
        dataset = dataset.subset(range(min(arguments.limit, len(dataset))))
    if arguments.detections:
        print(judge(arguments.detections, dataset, arguments.protocol).table())
        return 0

    import orjson

    from detector.image_folder import find_image_folder

    folder = arguments.images or find_image_folder(arguments.data, dataset)
    detector = load_detector(arguments)
    category_ids = match_categories(detector, dataset.class_names, dataset.category_ids)
    detector.info = replace(detector.info, category_ids=category_ids)
    rows: list[dict[str, Any]] = []
    started = time.perf_counter()
    for record in progress(dataset.images):
        found = detector(folder / record.file_name, preset="evaluate")
        rows.extend(found.to_coco(record.id))
    seconds = (time.perf_counter() - started) / max(1, len(dataset))
    if arguments.save:
        write_file(arguments.save, orjson.dumps(rows))
        say(f"detections: {printable(arguments.save)}")
    print(judge(rows, dataset, arguments.protocol).table())
    print(f"\n{len(dataset)} pictures, {seconds:.2f} s per picture")
    return 0


def match_categories(
    detector: Detector, names: tuple[str, ...], identities: tuple[int, ...]
) -> tuple[int, ...]:
    """The data set's category ids for the detector's classes, found by name."""
    by_name = dict(zip(names, identities, strict=True))
    missing = [name for name in detector.info.class_names if name not in by_name]
    if missing:
        raise DetectorError(
            f"the data set lacks the detector's classes {', '.join(missing)}; "
            "evaluate on the classes it was trained for"
        )
    return tuple(by_name[name] for name in detector.info.class_names)


def train(arguments: Namespace) -> int:
    """`detect train`: from boxes to a run folder with weights."""
    from configs import load_recipe, recipe_from_dict
    from detector.train import train as run

    start = None
    if arguments.part == "multibox" or arguments.weights:
        start = load_detector(arguments)
        content = start.recipe.to_dict()
    else:
        content = load_recipe(arguments.recipe or DEFAULT_RECIPE).to_dict()
    section = "multibox" if arguments.part == "multibox" else "training"
    for key in ("epochs", "seed"):
        if getattr(arguments, key) is not None:
            content[section][key] = getattr(arguments, key)
    recipe = recipe_from_dict(content, where="options")
    part = "" if arguments.part == "all" else f"-{arguments.part}"
    output = arguments.output or Path("runs") / f"{recipe.name}-{arguments.data.stem}{part}"
    run(
        arguments.data,
        output,
        recipe,
        start=start,
        part=arguments.part,
        images=arguments.images,
        device=arguments.device,
        use_cache=not arguments.no_cache,
    )
    return 0
