"""Bad ground truth in COCO JSON."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.eval.bad_inputs import (
    RESULTS,
    RIGHT,
    TRUTH,
    Case,
    Inputs,
    both_with,
    figures,
    files,
    truth_is,
    truth_with,
)

STOPS = "stops with an error"
NAN = dict.fromkeys(RIGHT, float("nan"))
# Without the missed cat: precision 1 up to recall 1/2, 2/3 up to 1.
WITHOUT_MISSED = figures(((51 + 50 * 2 / 3) / 101, 1 / 2 + 1 / 3, (6 + 5 * 2 / 3) / 11))
# One of the two equal dogs is found: precision 1 up to recall 1/2.
TWO_DOGS = {
    "coco": ((34 + 33 * 2 / 3) / 101 + 51 / 101) / 2,
    "voc": (5 / 9 + 1 / 2) / 2,
    "voc2007": ((4 + 3 * 2 / 3) / 11 + 6 / 11) / 2,
    "ilsvrc": (5 / 9 + 1 / 2) / 2,
}


def each_annotation(**fields: Any) -> Any:
    """Change every annotation: a value, or a function of its position."""

    def change(truth: Any) -> None:
        for position, record in enumerate(truth["annotations"]):
            for name, value in fields.items():
                record[name] = value(position) if callable(value) else value

    return change


def annotation(position: int, **fields: Any) -> Any:
    """Change one annotation."""
    return lambda truth: truth["annotations"][position].update(fields)


def in_floats(truth: Any) -> None:
    """Every number as a float."""
    for name in ("images", "categories", "annotations"):
        for record in truth[name]:
            record.update({k: float(v) for k, v in record.items() if isinstance(v, int)})


def as_lvis(truth: Any) -> None:
    """The fields of LVIS, which state nothing more than the objects do."""
    for image in truth["images"]:
        image.update(neg_category_ids=[], not_exhaustive_category_ids=[])
    for category in truth["categories"]:
        category["frequency"] = "f"


def lvis_with(*changes: Callable[[Any], Any]) -> Callable[[Path], Inputs]:
    """The problem as a file of LVIS, after changes."""

    def change(truth: Any) -> None:
        for one in (as_lvis, *changes):
            one(truth)

    return truth_with(change)


def addressed(truth: Any) -> None:
    for image in truth["images"]:
        image["coco_url"] = f"http://images.cocodataset.org/val2017/{image.pop('file_name')}"


def polygons_for_boxes(truth: Any) -> None:
    """A polygon around each object, and no box."""
    for record in truth["annotations"]:
        x, y, w, h = record.pop("bbox")
        record["segmentation"] = [[x, y, x + w, y, x + w, y + h, x, y + h]]


def without(name: str, *fields: str) -> Any:
    """Take fields from all records of a list."""

    def change(truth: Any) -> None:
        for record in truth[name]:
            for field in fields:
                del record[field]

    return change


def renumbered(images: dict[int, Any], categories: dict[int, Any] | None = None) -> Any:
    """Other ids of images and categories, in both files."""
    kinds = categories or {1: 1, 2: 2}

    def change_truth(truth: Any) -> None:
        for image in truth["images"]:
            image["id"] = images[image["id"]]
        for category in truth["categories"]:
            category["id"] = kinds[category["id"]]
        change_results(truth["annotations"])

    def change_results(records: Any) -> None:
        for record in records:
            record["image_id"] = images[record["image_id"]]
            record["category_id"] = kinds[record["category_id"]]

    return both_with(change_truth, change_results)


def other_images_size(width: Any) -> Any:
    """The same width for all images."""
    return truth_with(lambda truth: [image.update(width=width) for image in truth["images"]])


def class_in_two_forms(folder: Path) -> Inputs:
    """The same accented name, composed in the ground truth and decomposed in the results."""
    truth = json.loads(json.dumps(TRUTH))
    truth["categories"][0]["name"] = unicodedata.normalize("NFC", "chaton né")
    categories = [{"id": 1, "name": unicodedata.normalize("NFD", "chaton né")}]
    results = {"categories": [*categories, TRUTH["categories"][1]], "annotations": RESULTS}
    return files(folder, truth, results)


RAW = json.dumps(TRUTH).encode()

CASES = [
    Case("all annotation ids equal", truth_with(each_annotation(id=5)), RIGHT,
         coco_notes=("3 annotations repeat the id of another",),
         pycocotools="silently wrong, 0.000: uses the last of them in place of all"),
    Case("an object listed twice", truth_with(lambda t: t["annotations"].append(
         {**t["annotations"][2], "id": 5})),
         TWO_DOGS,
         notes=("1 object repeats another one (same image, class and box)",)),
    Case("annotation ids from 0", truth_with(each_annotation(id=lambda i: i)), RIGHT,
         coco_notes=("an annotation has id 0",),
         pycocotools="silently wrong, 0.556: that object counts as missed"),
    Case("annotation ids null, texts or a list", truth_with(each_annotation(
         id=lambda i: [None, "a", [1], {}][i])), RIGHT),
    Case("no iscrowd, area and id", truth_with(without("annotations", "iscrowd", "area", "id")),
         RIGHT, pycocotools=f"{STOPS} (KeyError)"),
    Case("`ignore` on the missed object", truth_with(annotation(3, ignore=1)),
         {"coco": RIGHT["coco"], "voc": WITHOUT_MISSED["voc"],
          "voc2007": WITHOUT_MISSED["voc2007"]},
         coco_notes=("marked `difficult` or `ignore`: the COCO protocol ignores only",),
         pycocotools="0.777: no effect, without a message"),
    Case("`ignore` under ILSVRC, which has no such thing", truth_with(annotation(3, ignore=1)),
         {"ilsvrc": RIGHT["ilsvrc"]}, notes=("difficult objects and crowds, which count like",)),
    Case("annotation on an image that is not listed", truth_with(annotation(3, image_id=9)),
         "truth.json: annotations[3]: image_id 9 is not listed in 'images'",
         pycocotools="silently wrong, 0.917: left out"),
    Case("category id of an annotation not listed", truth_with(annotation(3, category_id=9)),
         WITHOUT_MISSED, notes=("left out 1 annotation of categories that are not listed",),
         pycocotools="0.917: left out, without a message"),
    Case("category ids of annotations counted from 0", truth_with(each_annotation(
         category_id=lambda i: [0, 0, 1, 0][i])),
         "category_id 0 is not listed in 'categories' of the ground truth; all ids seem"),
    Case("image listed twice", truth_with(lambda t: t["images"].append(t["images"][0])),
         "truth.json: images[2]: id 1 is already used by images[0]"),
    Case("category id twice", truth_with(lambda t: t["categories"][1].update(id=1)),
         "truth.json: categories[1]: id 1 is already used by categories[0]"),
    Case("category name twice", truth_with(lambda t: t["categories"][1].update(name="cat")),
         RIGHT, pycocotools="0.777"),
    Case("category without name", truth_with(lambda t: t["categories"][1].pop("name")),
         RIGHT, pycocotools="0.777"),
    Case("category name that is a number", truth_with(lambda t: t["categories"][1].update(name=7)),
         RIGHT, pycocotools="0.777"),
    Case("`{}`", truth_is({}), "truth.json: no list 'images' at the top level",
         pycocotools=STOPS),
    Case("no `images`", truth_with(lambda t: t.pop("images")), "truth.json: no list 'images'",
         pycocotools=STOPS),
    Case("no `annotations` (a test set's image list)", truth_with(lambda t: t.pop("annotations")),
         "truth.json: no list 'annotations'"),
    Case("categories empty", truth_with(lambda t: t["categories"].clear()),
         "truth.json: annotations[0]: category_id 1 is not listed in 'categories'"),
    Case("no objects at all", truth_with(lambda t: t["annotations"].clear()), NAN,
         notes=("no object",)),
    Case("area null", truth_with(annotation(2, area=None)), RIGHT, pycocotools=STOPS),
    Case("area, iscrowd, ignore and a field of its own NaN, as pandas writes them", truth_with(
         each_annotation(area=float("nan"), iscrowd=float("nan"), ignore=float("nan"),
         remark=float("nan"))), RIGHT),
    Case("all numbers 1.0 in place of 1, as pandas writes them", truth_with(in_floats), RIGHT,
         pycocotools="0.777"),
    Case("iscrowd, difficult and ignore null", truth_with(
         each_annotation(iscrowd=None, difficult=None, ignore=None)), RIGHT, pycocotools=STOPS),
    Case("area a text", truth_with(annotation(2, area="20000")),
         "truth.json: annotations[2]: 'area' is '20000'; expected a finite number"),
    Case("area negative", truth_with(annotation(3, area=-5)),
         {**RIGHT, "coco": WITHOUT_MISSED["coco"]}, coco_notes=("1 object has an area outside",),
         pycocotools="0.917: ignores the object, without a message"),
    Case("segmentation only, no bbox", truth_with(lambda t: t["annotations"][1].pop("bbox")),
         "truth.json: annotations[1] has no 'bbox'; expected 4 finite numbers"),
    Case("polygons in place of boxes", truth_with(polygons_for_boxes), RIGHT),
    Case("bbox null", truth_with(annotation(1, bbox=None)),
         "truth.json: annotations[1]: 'bbox' is None; expected 4 finite numbers"),
    Case("bbox `[]`", truth_with(annotation(1, bbox=[])),
         "truth.json: annotations[1]: 'bbox' is []; expected 4 finite numbers"),
    Case("bbox with a negative side", truth_with(annotation(1, bbox=[300, 10, -100, 100])),
         "truth.json: annotations[1]: 'bbox' is [300, 10, -100, 100]; expected [x, y, width"),
    Case("bbox of 1e200 pixels, whose area is no number", truth_with(lambda t: (
         annotation(3, bbox=[0, 0, 1e200, 1e200])(t), t["annotations"][3].pop("area"))),
         "truth.json: annotations[3]: 'area' is inf"),
    Case("an object without width", truth_with(annotation(3, bbox=[300, 200, 0, 100], area=0)),
         RIGHT, other_notes=("objects without width or height, which nothing matches: 1",)),
    Case("iscrowd 2", truth_with(annotation(3, iscrowd=2)),
         "truth.json: annotations[3]: 'iscrowd' is 2; expected 0 or 1"),
    Case('iscrowd "0"', truth_with(each_annotation(iscrowd="0")), RIGHT,
         pycocotools="-1.000: every object a crowd, without a message"),
    Case('iscrowd "1"', truth_with(annotation(3, iscrowd="1")),
         {name: WITHOUT_MISSED[name] for name in ("coco", "voc", "voc2007")}),
    Case('iscrowd "no"', truth_with(annotation(3, iscrowd="no")),
         "truth.json: annotations[3]: 'iscrowd' is 'no'; expected 0 or 1"),
    Case("iscrowd true", truth_with(annotation(3, iscrowd=True)),
         {name: WITHOUT_MISSED[name] for name in ("coco", "voc", "voc2007")}),
    Case("image width 0", other_images_size(0), RIGHT),
    Case("image width negative", other_images_size(-320), RIGHT),
    Case("image width missing", truth_with(without("images", "width")), RIGHT,
         pycocotools="0.777"),
    Case("image width null", other_images_size(None), RIGHT),
    Case('image width "320"', other_images_size("320"), RIGHT),
    Case("image width 320.5", other_images_size(320.5),
         "truth.json: images[0]: 'width' is 320.5; expected a whole number"),
    Case("a file of LVIS, evaluated under another protocol", lvis_with(), RIGHT,
         notes=("the ground truth is LVIS's",)),
    Case("LVIS: an image without its list of absent classes", lvis_with(
         lambda t: t["images"][1].pop("neg_category_ids")), {"lvis": RIGHT["coco"]},
         notes=("1 of 2 images have no list 'neg_category_ids', which is taken as empty",)),
    Case("LVIS: a list of names in place of ids", lvis_with(
         lambda t: t["images"][0].update(neg_category_ids=["dog"])),
         {"lvis": RIGHT["coco"]}, notes=("ids in 'neg_category_ids' that are not listed",)),
    Case("LVIS: a list that is a number, a class without frequency", lvis_with(
         lambda t: t["images"][0].update(not_exhaustive_category_ids=1),
         lambda t: t["categories"][0].pop("frequency")), {"lvis": RIGHT["coco"]},
         notes=("1 of 2 images have no list 'not_exhaustive_category_ids'", "1 of 2 classes")),
    Case("LVIS: no file name, but an address", lvis_with(addressed),
         {"lvis": RIGHT["coco"]}),
    Case("image file name missing", truth_with(without("images", "file_name")), RIGHT,
         pycocotools="0.777"),
    Case("image ids above 2^53 that differ by 1", renumbered({1: 2**53 + 1, 2: 2**53}),
         RIGHT),
    Case("image ids from 2^63 on", renumbered({1: 2**63, 2: 2**64 - 1}), RIGHT),
    Case("image ids above 2^64", renumbered({1: 2**64 + 1, 2: 2**64 + 2}),
         "truth.json: images[0]: 'id' is 1.844674"),
    Case("image ids negative, category ids 0 and -1", renumbered({1: -2, 2: -1}, {1: 0, 2: -1}),
         RIGHT),
    Case("image ids texts, in Unicode", renumbered({1: "straße/1", 2: "猫"}), RIGHT),
    Case("image ids texts and numbers mixed", renumbered({1: "2", 2: 2}, {1: "dog", 2: 7}), RIGHT),
    Case("image ids 1.0 and 2.0", renumbered({1: 1.0, 2: 2.0}), RIGHT, pycocotools="0.777"),
    Case("image ids 1.5 and 2.5", renumbered({1: 1.5, 2: 2.5}),
         "truth.json: images[0]: 'id' is 1.5; expected a whole number or a text"),
    Case("image ids true and false", renumbered({1: True, 2: False}),
         "truth.json: images[0]: 'id' is True; expected a whole number or a text"),
    Case("class name composed here, decomposed there (NFC, NFD)", class_in_two_forms, RIGHT),
    Case("BOM before the ground truth", truth_is(b"\xef\xbb\xbf" + RAW), RIGHT,
         pycocotools=STOPS),
    Case("CRLF line ends", truth_is(json.dumps(TRUTH, indent=1).replace("\n", "\r\n").encode()),
         RIGHT),
    Case("ground truth in the encoding of Windows", truth_is(RAW.replace(b"cat", b"caf\xe9")),
         "truth.json: not JSON, or cut short", pycocotools=STOPS),
    Case("ground truth cut short", truth_is(RAW[:300]),
         "truth.json: not JSON, or cut short", pycocotools=STOPS),
    Case("ground truth a list", truth_is([TRUTH]),
         "truth.json: a list of objects with the fields images"),
    Case("annotations an object by id", truth_with(lambda t: t.update(annotations={"1": {}})),
         "truth.json: no list 'annotations'"),
    Case("images a list of names", truth_with(lambda t: t.update(images=["1.jpg", "2.jpg"])),
         "truth.json: images[0] is '1.jpg'; expected an object"),
    Case("key `annotations` twice", truth_is(RAW.replace(b"{", b'{"annotations": [], ', 1)), RIGHT),
    Case("ground truth empty (0 bytes)", truth_is(b""), "truth.json: the file is empty",
         pycocotools=STOPS),
]  # fmt: skip
