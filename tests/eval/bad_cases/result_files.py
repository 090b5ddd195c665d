"""Bad results in COCO JSON as a whole: files, folders, and objects with ids of their own."""

from __future__ import annotations

import gzip
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.eval.bad_cases.results import NO_DOG, RAW, STOPS
from tests.eval.bad_inputs import (
    DOG,
    RESULTS,
    RIGHT,
    TRUTH,
    Case,
    Inputs,
    files,
    results_are,
    results_with,
)


def document(**changes: Any) -> Any:
    """Results as one object with images, categories and annotations, some of them replaced."""
    return {"images": TRUTH["images"], "categories": TRUTH["categories"],
            "annotations": RESULTS, **changes}  # fmt: skip


def other_name(number: int, name: str) -> list[Any]:
    """The images, one of them under another name."""
    return [{**one, "file_name": name if one["id"] == number else one["file_name"]}
            for one in TRUTH["images"]]  # fmt: skip


def in_folders(above: str) -> list[Any]:
    """The images, each called 1.jpg in a folder of its own."""
    return [{**one, "file_name": f"{above}{one['id']}/1.jpg"} for one in TRUTH["images"]]


def missing(folder: Path) -> Inputs:
    """A path that does not exist."""
    return files(folder)._replace(detections=folder / "nothing.json")


def below_a_file(folder: Path) -> Inputs:
    """A path that goes through a file."""
    return files(folder)._replace(detections=folder / "truth.json" / "results.json")


def loop(folder: Path) -> Inputs:
    """A link to itself."""
    link = folder / "link.json"
    if not link.is_symlink():
        link.symlink_to(link)
    return files(folder)._replace(detections=link)


def a_folder(folder: Path) -> Inputs:
    """An empty folder in place of the results."""
    (folder / "run").mkdir(exist_ok=True)
    return files(folder)._replace(detections=folder / "run")


def folder_called_json(folder: Path) -> Inputs:
    """A folder with a file's name in place of the ground truth."""
    (folder / "all.json").mkdir(exist_ok=True)
    return files(folder)._replace(truth=folder / "all.json")


def named_as_picture(folder: Path) -> Inputs:
    """A picture in place of the results."""
    (folder / "1.png").write_bytes(picture())
    return files(folder)._replace(detections=folder / "1.png")


def evaluation_folder(folder: Path) -> Inputs:
    """The folder that an evaluation wrote."""
    (folder / "run").mkdir(exist_ok=True)
    (folder / "run" / "detections.json").write_bytes(RAW)
    return files(folder)._replace(detections=folder / "run")


def picture() -> bytes:
    """A PNG of one pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0\0")
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def zipped(*names: str) -> Callable[[Path], Inputs]:
    """The results in a zip under each of the names."""

    def make(folder: Path) -> Inputs:
        path = folder / "results.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, RAW)
        return files(folder)._replace(detections=path)

    return make


CASES = [
    Case("results cut short", results_are(RAW[:150]), "results.json: not JSON, or cut short",
         pycocotools=STOPS),
    Case("results empty (0 bytes)", results_are(b""), "results.json: the file is empty",
         pycocotools=STOPS),
    Case("text after the list", results_are(RAW + b"]"), "results.json: not JSON, or cut short"),
    Case("comma after the last record", results_are(RAW[:-1] + b",]"), "not JSON, or cut short"),
    Case("Python's repr in place of JSON", results_are(repr(RESULTS).encode()),
         "results.json: not JSON, or cut short"),
    Case("a number 007", results_are(RAW.replace(b'"image_id": 1', b'"image_id": 001')),
         "results.json: not JSON, or cut short"),
    Case("100,000 open brackets", results_are(b"[" * 100_000), "not JSON, or cut short"),
    Case("BOM before the results", results_are(b"\xef\xbb\xbf" + RAW), RIGHT, pycocotools=STOPS),
    Case("UTF-16", results_are(RAW.decode().encode("utf-16")), RIGHT,
         pycocotools=STOPS),
    Case("Latin-1 text in a field", results_are(RAW.replace(b'"score"', b'"n": "\xe9", "score"')),
         RIGHT),
    Case("gzip under a name that ends in .json", results_are(gzip.compress(RAW, mtime=0)), RIGHT,
         pycocotools=STOPS),
    Case("gzip cut short", results_are(gzip.compress(RAW, mtime=0)[:-20]),
         "results.json: damaged or cut short", pycocotools=STOPS),
    Case("a zip of one JSON file, as COCO's server takes it", zipped("dt.json"), RIGHT),
    Case("a zip of two JSON files", zipped("bbox.json", "segm.json"),
         "results.zip: the zip holds several files that may be the results: bbox.json, segm.json"),
    Case("a checkpoint of PyTorch", zipped("model/data.pkl"), "this is a checkpoint of PyTorch"),
    Case("a picture", results_are(picture()), "results.json: this is an image; expected JSON"),
    Case("a picture under its own name", named_as_picture, "1.png: this is an image, not results"),
    Case("the folder of an evaluation", evaluation_folder, "a folder; name the file detections"),
    Case("no such file", missing, "nothing.json: no such file; check the path", pycocotools=STOPS),
    Case("a path through a file", below_a_file, "results.json: cannot be read (Not a directory)"),
    Case("a link to itself", loop, "link.json: cannot be read (Too many levels of symbolic"),
    Case("an empty folder", a_folder, "run: the folder has no results"),
    Case("a folder called all.json", folder_called_json, "all.json: cannot be read"),
    Case("key `score` twice in a record", results_are(RAW.replace(
         b'"score": 0.8', b'"score": 0.95, "score": 0.8')), RIGHT),
    Case("keys written with \\u escapes", results_are(RAW.replace(b'"score"', b'"scor\\u0065"')),
         RIGHT),
    Case("an object with images, categories and annotations", results_are(document()), RIGHT,
         pycocotools=STOPS),
    Case("the same with ids of its own", results_are(document(
         images=[{"id": 3 - one["id"], "file_name": one["file_name"]} for one in TRUTH["images"]],
         categories=[{**one, "id": 3 - one["id"]} for one in TRUTH["categories"]],
         annotations=[{**one, "image_id": 3 - one["image_id"],
                       "category_id": 3 - one["category_id"]} for one in RESULTS])), RIGHT),
    Case("the same with an image that the ground truth lacks",
         results_are(document(images=other_name(2, "9.jpg"))),
         "results.json: annotations[1]: image_id 2 is not listed in 'images' of the ground truth; "
         "no image there has its file name '9.jpg'"),
    Case("the same with two images of one id", results_are(document(
         images=[{**one, "id": 1} for one in TRUTH["images"]])),
         "results.json: images[1]: id 1 is already used by images[0]"),
    Case("the same with two categories of one id", results_are(document(
         categories=[{**one, "id": 1} for one in TRUTH["categories"]])),
         "results.json: categories[1]: id 1 is already used by categories[0]"),
    Case("the same with a/1.jpg and b/1.jpg where the ground truth has one 1.jpg", results_are(
         document(images=[{"id": 1, "file_name": "a/1.jpg"}, {"id": 2, "file_name": "b/1.jpg"}])),
         "results.json: annotations[0]: image_id 1 is not listed in 'images' of the ground truth; "
         "its file name 'a/1.jpg' fits an image there that another name also fits"),
    Case("the same with x/1/1.jpg and x/2/1.jpg where the ground truth has 1/1.jpg and 2/1.jpg",
         lambda folder: files(
             folder, {**TRUTH, "images": in_folders("")}, document(images=in_folders("x/"))),
         RIGHT),
    Case("the same with 1.jpg there", lambda folder: files(
         folder, {**TRUTH, "images": in_folders("")}, document(images=other_name(1, "1.jpg"))),
         "image_id 1 is not listed in 'images' of the ground truth; its file name '1.jpg' fits "
         "several images there"),
    Case("the same with images that are numbers", results_are(document(images=[1, 2])), RIGHT),
    Case("the same with a category that the ground truth lacks", results_are(document(
         categories=[TRUTH["categories"][0], {"id": 2, "name": "wolf"}])), NO_DOG,
         notes=("left out 1 detection of categories that are not in the ground truth "
                "(first: results.json: annotations[3])",)),
    Case("the same with images, but annotations null", results_are(document(annotations=None)),
         "results.json: no list 'annotations'"),
    Case("a good list of results, [x, y, width, height] as numbers of 20 digits", results_with(
         lambda r: r[3].update(bbox=[float(v) + 1e-13 for v in DOG])), RIGHT),
]  # fmt: skip
