"""Results that name images and classes otherwise than the ground truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.eval.bad_cases.results import FALSE_LAST, NO_DOG, every_record
from tests.eval.bad_inputs import (
    RESULTS,
    RIGHT,
    TRUTH,
    Case,
    Inputs,
    files,
    results_are,
    truth_with,
)

FALSE = {"image_id": 9, "category_id": 1, "bbox": [1, 1, 30, 30], "score": 0.95}
NAMES = {one["id"]: one["name"] for one in TRUTH["categories"]}
MATCHED = "matched without regard to case, blanks, hyphens and underscores: 'CAT' is 'cat'"


def named(field: str, **others: str) -> Any:
    """Results with names of classes in a field, in place of ids."""
    return results_are([
        {field: others.get(NAMES[one["category_id"]], NAMES[one["category_id"]]),
         **{key: value for key, value in one.items() if key != "category_id"}}
        for one in RESULTS
    ])  # fmt: skip


def skipping(make: Any) -> Any:
    """The same inputs, with what is not listed left out."""
    option = {"skip_unlisted": True}
    return lambda folder: make(folder)._replace(options=option, reading=option)


def swapped(folder: Path) -> Inputs:
    """Numbers of a model that knows dogs and cats, and its list of classes."""
    (folder / "model.txt").write_text("dog\ncat\n")
    found = [{**one, "category_id": {1: 1, 2: 0}[one["category_id"]]} for one in RESULTS]
    return files(folder, results=found, options={"names": folder / "model.txt"})


def lines(text: str, name: str = "found.txt") -> Any:
    """Results as text or bytes."""

    def make(folder: Path) -> Inputs:
        (folder / name).write_bytes(text.encode("latin-1"))
        return files(folder)._replace(detections=folder / name)

    return make


PLAIN = "".join(
    f"{one['image_id']}.jpg {NAMES[one['category_id']]} {one['score']} {x} {y} {x + w} {y + h}\n"
    for one in RESULTS
    for x, y, w, h in [one["bbox"]]
)

CASES = [
    Case("one detection on an unlisted image, with skip_unlisted",
         skipping(results_are([*RESULTS, FALSE])), RIGHT,
         notes=("left out 1 detection of 1 image that the ground truth does not list: 9",)),
    Case("an annotation on an unlisted image, with skip_unlisted", skipping(truth_with(
         lambda t: t["annotations"].append({**t["annotations"][0], "id": 9, "image_id": 7}))),
         RIGHT, notes=("left out 1 annotation of 1 image that the ground truth does not list: 7",)),
    Case("`category_name` in place of category_id", named("category_name"), RIGHT,
         notes=("classes were read by the field 'category_name'",)),
    Case("the same in capitals", named("category_name", cat="CAT"), RIGHT, notes=(MATCHED,)),
    Case("the same with `Cat` and `cat`, of which the ground truth has one", results_are([
         {**one, "category_id": "Cat" if i == 1 else NAMES[one["category_id"]]}
         for i, one in enumerate(RESULTS)]), FALSE_LAST,
         notes=("classes were read by", "left out 1 detection of categories that are not in")),
    Case("`category_name` that contradicts category_id", every_record(category_name="dog"), RIGHT,
         notes=("category_name contradicts category_id in 3 of 4 detections",),
         pycocotools="0.777: no effect, without a message"),
    Case("class numbers of a model, with its list of names", swapped, RIGHT,
         notes=("class numbers were read as those of model.txt: 0 dog, 1 cat",)),
    Case("lines `image class score xmin ymin xmax ymax`", lines(PLAIN), RIGHT,
         notes=("lines without headings were read as `image class confidence xmin ymin",)),
    Case("the same without the class", lines(PLAIN.replace("cat ", "").replace("dog ", "")),
         "found.txt: line 1: 6 columns; expected 7"),
    Case("a pickle", lines("\x80\x04\x95\0\0", "results.pkl"),
         "results.pkl: this is a pickle, which is not read"),
    Case("a Parquet file", lines("PAR1\x15\x04", "found.parquet"), "this is a Parquet file"),
    Case("the dog's name with another letter", named("category_name", dog="dogs"), NO_DOG,
         notes=("classes were read by", "left out 1 detection of categories that are not in")),
]  # fmt: skip
