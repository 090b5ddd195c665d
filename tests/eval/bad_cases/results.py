"""Bad results in COCO JSON: records, and other content in their place."""

from __future__ import annotations

import json
from typing import Any

from tests.eval.bad_inputs import (
    CATS,
    NOTHING,
    RESULTS,
    RIGHT,
    TRUTH,
    Case,
    both_with,
    figures,
    files,
    results_are,
    results_with,
)

STOPS = "stops with an error"
RAW = json.dumps(RESULTS).encode()
BEYOND = "ignored 1 detection without a match, because the area is outside 0 to 1e+10 pixels"
LINES = "\n".join(json.dumps(record) for record in RESULTS).encode()
# Both cats of the first image before the false one: precision 1 up to recall 2/3.
FALSE_LAST = figures((67 / 101, 2 / 3, 7 / 11))
# Every detection twice: at recall 2/3 two of five are true.
TWICE = figures(((34 + 33 * 2 / 5) / 101, 1 / 3 + 2 / 15, (4 + 3 * 2 / 5) / 11))
# The dog is missed.
NO_DOG = figures(((34 + 33 * 2 / 3) / 101, 5 / 9, (4 + 3 * 2 / 3) / 11), 0)
# Dogs labelled as cats, cats left out: the only detection that remains overlaps no cat.
SHIFTED = NOTHING
# The two cats of the first image alone: precision 1 up to recall 2/3. No dog is found.
ONE_IMAGE = figures((67 / 101, 2 / 3, 7 / 11), 0)
# Corners read as sides: only the first cat is matched, with an IoU of 100^2 / 110^2 = 0.826,
# which 7 of the 10 thresholds pass.
CORNERS = figures((0.7 * 34 / 101, 1 / 3, 4 / 11), 0)


def record(position: int, **fields: Any) -> Any:
    """Results after a change to one record."""
    return results_with(lambda results: results[position].update(fields))


def every_record(**fields: Any) -> Any:
    """Results after the same change to every record."""
    return results_with(lambda results: [one.update(fields) for one in results])


def with_corners(results: Any) -> None:
    """[x1, y1, x2, y2] in place of [x, y, width, height]."""
    for one in results:
        x, y, width, height = one["bbox"]
        one["bbox"] = [x, y, x + width, y + height]


def third_image(truth: Any) -> None:
    """Another image, with another dog."""
    truth["images"].append({"id": 3, "file_name": "3.jpg", "width": 400, "height": 300})
    truth["annotations"].append({**truth["annotations"][2], "id": 5, "image_id": 3})


def doubled_centres(results: Any) -> None:
    """[cx, cy, width, height] of a picture twice as large."""
    for one in results:
        x, y, width, height = one["bbox"]
        one["bbox"] = [2 * x + width, 2 * y + height, 2 * width, 2 * height]


def in_fractions(results: Any) -> None:
    """Boxes in fractions of their image."""
    sides = {image["id"]: (image["width"], image["height"]) for image in TRUTH["images"]}
    for one in results:
        width, height = sides[one["image_id"]]
        pairs = zip(one["bbox"], (width, height, width, height), strict=True)
        one["bbox"] = [number / side for number, side in pairs]


def padded(results: Any) -> None:
    """150 more false cats on one image, with lower scores than all others."""
    box = [0, 0, 50, 50]
    results += [
        {"image_id": 2, "category_id": 1, "bbox": box, "score": 0.5 - i / 1000} for i in range(150)
    ]


def minus_zero(results: Any) -> None:
    """The false cat and the second true one have the scores 0.0 and -0.0, which are equal."""
    results[1]["score"], results[2]["score"] = 0.0, -0.0
    results[1], results[2] = results[2], results[1]


CASES = [
    Case("empty list", results_are([]), NOTHING, notes=("there are no detections",),
         pycocotools=f"{STOPS} (IndexError)"),
    Case("score NaN", results_are(RAW.replace(b"0.8", b"NaN")),
         "results.json: record[1]: 'score' is nan; expected a finite number",
         pycocotools="silently wrong, 0.832: ranked last"),
    Case("NaN in a field that nobody reads", every_record(remark=float("nan")), RIGHT,
         pycocotools="0.777"),
    Case("score Infinity", results_are(RAW.replace(b"0.8", b"Infinity")),
         "results.json: record[1]: 'score' is inf; expected a finite number",
         pycocotools="silently wrong, 0.721: ranked first"),
    Case("score 1e999", results_are(RAW.replace(b"0.8", b"1e999")),
         "results.json: record[1]: 'score' is inf; expected a finite number"),
    Case("score a text", record(1, score="0.8"),
         "results.json: record[1]: 'score' is '0.8'; expected a finite number",
         pycocotools=STOPS),
    Case("score missing", results_with(lambda r: r[1].pop("score")),
         "results.json: record[1] has no 'score'", pycocotools=STOPS),
    Case("score null", record(1, score=None), "results.json: record[1]: 'score' is None",
         pycocotools=STOPS),
    Case("score true", record(1, score=True), "results.json: record[1]: 'score' is True"),
    Case("score a list of one", record(1, score=[0.8]), "record[1]: 'score' is [0.8]"),
    Case("score in percent", results_with(lambda r: [one.update(score=100 * one["score"])
         for one in r]), RIGHT, notes=("scores range from 60 to 90 instead of 0 to 1",)),
    Case("detections on one image of two only", results_with(lambda r: r.__delitem__(
         slice(1, None, 2))), ONE_IMAGE),
    Case("detections on one image of three only", both_with(third_image,
         lambda r: r.__delitem__(slice(1, None, 2))), ONE_IMAGE,
         notes=("2 of 3 images with objects have no detection",)),
    Case("scores 0.0 and -0.0", results_with(minus_zero), FALSE_LAST,
         notes=("1 of 4 detections share their score with another",)),
    Case("scores of 400 digits and 1e-400", results_are(
         RAW.replace(b"0.9", b"0." + b"9" * 400).replace(b"0.6", b"1e-400")), RIGHT),
    Case("NaN in bbox", results_are(RAW.replace(b"[0, 0,", b"[NaN, 0,")),
         "'bbox' is [nan, 0, 50, 50]; expected 4 finite numbers",
         pycocotools="0.777: counted as false, without a message"),
    Case("1e999 in bbox", results_are(RAW.replace(b"[0, 0,", b"[0, 1e999,")),
         "results.json: record[1]: 'bbox' is [0, inf, 50, 50]; expected 4 finite numbers"),
    Case("bbox of 1e308 pixels on the false one", record(1, bbox=[1e308, 1e308, 1e308, 1e308]),
         {**RIGHT, "coco": FALSE_LAST["coco"]}, coco_notes=(BEYOND,),
         pycocotools="0.832: the false detection vanishes, without a message"),
    Case("bbox that begins at -1e308 on the false one", record(1, bbox=[-1e308, 0, 1e308, 1e308]),
         {**RIGHT, "coco": FALSE_LAST["coco"]}, coco_notes=(BEYOND,)),
    Case("bbox of 100,001 x 100,000 pixels on the false one",
         record(1, bbox=[0, 0, 100_001, 100_000]),
         {**RIGHT, "coco": FALSE_LAST["coco"]}, coco_notes=(BEYOND,)),
    Case("bbox with a negative side on the false one", record(1, bbox=[50, 50, -50, 50]), RIGHT,
         notes=("1 box with a negative side (first: results.json: record[1])",),
         other_notes=("detections without width or height, which match nothing: 1",),
         pycocotools="silently wrong, 0.832: the false detection vanishes"),
    Case("bbox with two negative sides on the false one", record(1, bbox=[400, 300, -100, -100]),
         RIGHT, notes=("1 box with a negative side",),
         other_notes=("detections without width or height",)),
    Case("bbox of no size on the false one", record(1, bbox=[50, 50, 0, 0]), RIGHT,
         other_notes=("detections without width or height",)),
    Case("boxes [x1, y1, x2, y2] in place of [x, y, width, height]", results_with(with_corners),
         CORNERS, notes=("bbox seems to be [x1, y1, x2, y2]",),
         pycocotools="0.118, without a message"),
    Case("centres in place of corners, a picture twice as large", results_with(doubled_centres),
         NOTHING, notes=("are x and y swapped, or do the images have another size",)),
    Case("boxes in fractions of the image", results_with(in_fractions), NOTHING,
         notes=("bbox seems to be in fractions of the image",),
         pycocotools="0.000, without a message"),
    Case('image ids "1" against 1', results_with(lambda r: [one.update(image_id=str(
         one["image_id"])) for one in r]),
         RIGHT, notes=("were read as text where one of both has numbers: '1' is the image 1.jpg",),
         pycocotools=STOPS),
    Case('image ids 1 against "1"', both_with(
         lambda t: [one.update(id=str(one["id"])) for one in t["images"]]
         + [one.update(image_id=str(one["image_id"])) for one in t["annotations"]], lambda r: None),
         RIGHT, notes=("were read as text where one of both has numbers: 1 is the image 1.jpg",)),
    Case("image ids 1.0", record(0, image_id=1.0), RIGHT, pycocotools="0.777"),
    Case("category ids 1.0", results_with(lambda r: [one.update(category_id=float(
         one["category_id"])) for one in r]), RIGHT, pycocotools="0.777"),
    Case('image id "--1"', record(0, image_id="--1"), "record[0]: image_id '--1' is not listed"),
    Case("image id of 5,000 digits", record(0, image_id="1" * 5000), "record[0]: image_id '1111"),
    Case("image id 2^64", record(0, image_id=2**64), "record[0]: 'image_id' is 1.844674"),
    Case("image id null", record(0, image_id=None), "record[0]: 'image_id' is None"),
    Case("image id a list", record(0, image_id=[1]), "record[0]: 'image_id' is [1]"),
    Case("image id a file's name", record(0, image_id="1.jpg"),
         "is not listed in 'images' of the ground truth; this is a file name; the id of that "
         "image is 1"),
    Case("image id a file's name with its folder", record(0, image_id="val/1.jpg"),
         "this is a file name; the id of that image is 1"),
    Case("image ids the names of files without suffix", both_with(
         lambda t: [one.update(file_name=f"frame_{one['id']}.jpg") for one in t["images"]],
         lambda r: [one.update(image_id=f"frame_{one['image_id']}") for one in r]), RIGHT,
         notes=("were read as names of files: 'frame_1' is the image frame_1.jpg",),
         pycocotools=STOPS),
    Case("image ids the numbers in names of files", both_with(
         lambda t: [one.update(file_name=f"{one['id'] + 6:06}.jpg") for one in t["images"]],
         lambda r: [one.update(image_id=one["image_id"] + 6) for one in r]), RIGHT,
         notes=("were read as the numbers in names of files: 7 is the image 000007.jpg",),
         pycocotools=STOPS),
    Case("file_name of the record in place of a known id", results_with(lambda r: [one.update(
         image_id=one["image_id"] + 40, file_name=f"{one['image_id']}.jpg") for one in r]), RIGHT,
         notes=("were read by the field file_name: 41 is the image 1.jpg",), pycocotools=STOPS),
    Case("file_name of a record contradicts its image_id", results_with(lambda r: [one.update(
         file_name=f"{3 - one['image_id']}.jpg") for one in r]), RIGHT,
         notes=("file_name contradicts image_id in 4 of 4 detections",), pycocotools="0.777"),
    Case("image ids 1 against '000001'", both_with(
         lambda t: [one.update(id=f"{one['id']:06}") for one in t["images"]]
         + [one.update(image_id=f"{one['image_id']:06}") for one in t["annotations"]],
         lambda r: None), RIGHT, notes=("were read as the numbers in names of files",)),
    Case("image ids counted from 0", results_with(lambda r: [one.update(
         image_id=one["image_id"] - 1) for one in r]), "are they counted from 0?"),
    Case("image ids counted from 1, not from 0", results_with(lambda r: [one.update(
         image_id=one["image_id"] + 1) for one in r]), "are they counted from 1?"),
    Case("category ids counted from 0", results_with(lambda r: [one.update(
         category_id=one["category_id"] - 1) for one in r]), SHIFTED,
         notes=("are they counted from 0?",)),
    Case("detections on unlisted images only", every_record(image_id=9),
         "record[0]: image_id 9 is not listed", pycocotools=STOPS),
    Case("one detection on an unlisted image", record(3, image_id=9),
         "record[3]: image_id 9 is not listed", pycocotools=STOPS),
    Case("one unknown category", record(3, category_id=9), NO_DOG,
         notes=("left out 1 detection of categories that are not in the ground truth",),
         pycocotools="0.277: left out, without a message"),
    Case("unknown categories only", every_record(category_id=9),
         "record[0]: its category_id, like all others, is not listed",
         pycocotools="0.000: left out, without a message"),
    Case('category ids "1" against 1', results_with(lambda r: [one.update(category_id=str(
         one["category_id"])) for one in r]), "its category_id, like all others, is not listed"),
    Case("category id missing", results_with(lambda r: r[2].pop("category_id")),
         "record[2] has no 'category_id'"),
    Case("bbox of 3 numbers", record(2, bbox=[1, 2, 3]),
         "record[2]: 'bbox' is [1, 2, 3]; expected 4 finite numbers", pycocotools=STOPS),
    Case("bbox of 5 numbers", record(2, bbox=[1, 2, 3, 4, 5]),
         "record[2]: 'bbox' is [1, 2, 3, 4, 5]; expected 4", pycocotools=STOPS),
    Case("bbox of texts", record(2, bbox=["1", "2", "3", "4"]), "record[2]: 'bbox' is ['1', '2'"),
    Case("bbox a list of lists", record(2, bbox=[[1, 2], [3, 4]]), "record[2]: 'bbox' is [[1, 2]"),
    Case("bbox an object", record(2, bbox={"x": 1, "y": 2, "w": 3, "h": 4}),
         "record[2]: 'bbox' is {'x': 1"),
    Case("RLE segmentation, no bbox", results_are([
         {"image_id": 1, "category_id": 1, "score": 0.5,
          "segmentation": {"size": [120, 320], "counts": "abc"}}]),
         "record[0] has no 'bbox'"),
    Case("keypoints, no bbox", results_are([
         {"image_id": 1, "category_id": 1, "score": 0.5, "keypoints": [1, 2, 2]}]),
         "record[0] has no 'bbox'"),
    Case("segmentation beside bbox in the first record", record(0, segmentation=[[1, 2, 3, 4]]),
         RIGHT),
    Case("a list of lists of records", results_are([RESULTS]),
         "results.json: record[0] is [{'image_id': 1"),
    Case("a record that is null", results_are([*RESULTS, None]),
         "results.json: record[4] is None; expected an object"),
    Case("a record a list of numbers", results_are([[1, 10, 10, 100, 100, 0.9, 1]]),
         "results.json: record[0] is [1, 10, 10"),
    Case("boxes, scores and labels by image (torchvision's output)", results_are([
         {"boxes": [CATS[0]], "labels": [1], "scores": [0.9]}]),
         "results.json: record[0] has no 'image_id'"),
    Case("an object by image id", results_are({"1": RESULTS}),
         "results.json: no list 'annotations'"),
    Case("`{}` as results", results_are({}), "results.json: no list 'annotations'",
         pycocotools=STOPS),
    Case('`{"results": [...]}`', results_are({"results": RESULTS}),
         "expected a list, or an object with 'annotations'; it has: results"),
    Case("a number", results_are(3), "results.json: expected a list of detections"),
    Case("the ground truth as results", results_are(TRUTH),
         "results.json: annotations without 'score': this is ground truth; name results instead"),
    Case("results as ground truth and the other way round",
         lambda folder: files(folder, RESULTS, TRUTH),
         "truth.json: this is a list of results; pass it as --detections"),
    Case("JSON Lines", results_are(LINES), "JSON Lines (one object per line)"),
    Case("all scores equal", every_record(score=0.5),
         {**RIGHT, "coco": FALSE_LAST["coco"], "ilsvrc": FALSE_LAST["ilsvrc"]},
         notes=("2 of 4 detections share their score with another",),
         pycocotools="0.832: the order in the file decides, without a message"),
    Case("every detection twice", results_with(lambda r: r.extend(json.loads(RAW))), TWICE,
         notes=("4 of 8 detections share their score with", "4 detections repeat another one")),
    Case("151 detections of a class in one image", results_with(padded), RIGHT,
         coco_notes=("51 of 154 detections not evaluated",),
         pycocotools="0.777: cut, without a message"),
]  # fmt: skip
