"""Files with extreme values, and files made to fill the memory; most were found by fuzzing."""

from __future__ import annotations

import copy
import gzip
from pathlib import Path

from tests.eval.bad_cases.formats import NUMBERED, are, first, ilsvrc, voc, yolo
from tests.eval.bad_cases.results import RAW
from tests.eval.bad_cases.tools import _cvat, tool
from tests.eval.bad_cases.truth import RAW as TRUTH_RAW
from tests.eval.bad_inputs import RIGHT, TRUTH, Case, Inputs, files, results_are, truth_is

# Each line repeats the one before nine times: 9^11 values in 500 bytes.
ALIASES = b"a0: &a0 [x, x]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (i, i, b", ".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 12)
)
ZEROS = gzip.compress(bytes(4_000_000), mtime=0)


def folder_of_coco(folder: Path) -> Inputs:
    """A folder with its ground truth in annotations/, whose first picture has a long name."""
    document = copy.deepcopy(TRUTH)
    document["images"][0]["file_name"] = "x" * 300 + ".jpg"
    made = files(folder, document)
    (folder / "coco" / "annotations").mkdir(parents=True, exist_ok=True)
    made.truth.replace(folder / "coco" / "annotations" / "instances_val.json")
    return made._replace(truth=folder / "coco")


CASES = [
    Case("results: 1e999 in a field that nobody reads",
         results_are(RAW.replace(b'"score"', b'"x": 1e999, "score"')), RIGHT),
    Case("ground truth: 1e999 in a field that nobody reads",
         truth_is(TRUTH_RAW.replace(b'"area"', b'"x": [1e999], "area"')), RIGHT),
    Case("ground truth: a number of 5,000 digits in a field that nobody reads",
         truth_is(TRUTH_RAW.replace(b'"area"', b'"x": ' + b"9" * 5000 + b', "area"')), RIGHT),
    Case("ground truth: 10^30 as id, beside NaN",
         truth_is(TRUTH_RAW.replace(b'"id": 1,', b'"id": 1' + b"0" * 30 + b', "x": NaN,', 1)),
         "truth.json: images[0]: 'id' is 1000000000000000000000000000000; expected a whole number"),
    Case("results: gzip of 4 MB of zeros in 4 kB", results_are(ZEROS),
         "results.json: expands to more than 100 times its size"),
    Case("VOC: a side of 1e30 pixels", voc(xml=first("<width>320", "<width>1e30")),
         "1.xml: size/width is '1e30'; expected a whole number of pixels"),
    Case("VOC: a corner at 1e308", voc(xml=first("<xmax>110", "<xmax>1e308")),
         "1.xml: object 1: bndbox/xmax is '1e308'; expected a number of pixels"),
    Case("CVAT: a corner at 1e308", tool(_cvat, first('xbr="110"', 'xbr="1e308"')),
         "truth.xml: 1.jpg: object 1: the box is not 4 finite numbers"),
    Case("CVAT: a picture without a name", tool(_cvat, first('name="1.jpg"', "")),
         "truth.xml: picture 1: a picture has no file name; name it"),
    Case("COCO folder: a picture's name of 300 letters", folder_of_coco, RIGHT),
    Case("VOC: a listed name of 300 letters", voc(list=are(b"x" * 300)),
         "xxx.xml: no such file, although its image is listed"),
    Case("ILSVRC: a listed name of 300 letters", ilsvrc(list=lambda c: b"x" * 300 + b" 7\n" + c),
         RIGHT, notes=("1 image without XML", "1 image has no size in the annotation")),
    Case("ILSVRC: an index of 5,000 digits", ilsvrc(list=first(" 1", " " + "1" * 5000)),
         "val.txt: line 1: 'a1 111"),
    Case("YOLO: aliases that repeat each other", yolo(names=are(ALIASES + b"names: *a11\n")),
         "data.yaml: its aliases repeat too much; write it without them"),
    Case("YOLO: an alias of what contains it", yolo(names=are(b"names: &n [*n]\n")),
         "data.yaml: its aliases repeat too much; write it without them"),
    Case("YOLO: data.yaml nested 2,000 deep", yolo(names=are(b"[" * 2000 + b"]" * 2000)),
         "data.yaml: not YAML (it is nested too deeply)"),
    Case("YOLO: data.yaml with an impossible date", yolo(names=are(b"names: 2001-99-99\n")),
         "data.yaml: not YAML (month must be in 1..12)"),
    Case("YOLO: data.yaml with the folder above as its pictures",
         yolo(names=are(b"names: [cat, dog]\nval: ../..\n")), RIGHT, notes=(NUMBERED,)),
    Case("YOLO: data.yaml with an alias, used once",
         yolo(names=are(b"x: &n [cat, dog]\nnames: *n\n")), RIGHT, notes=(NUMBERED,)),
]  # fmt: skip
