"""One small valid example of each format, as files in memory: ground truth and results.

All describe the same pictures, so that any results can be evaluated against any ground truth.
"""

from __future__ import annotations

import gzip
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tests.eval.made_formats import (
    CLASSES,
    WNIDS,
    Picture,
    Thing,
    write,
    write_ilsvrc,
    write_voc,
    write_yolo,
)

PICTURES = [
    Picture("2008_000000", 50, 40, [Thing(0, 0, 0, 9, 9), Thing(1, 5, 6, 49, 39, True)]),
    Picture("2008_000001", 60, 30, [Thing(1, 10, 5, 39, 24), Thing(2, 30, 0, 59, 29)]),
    Picture("2008_000002", 20, 20, [Thing(2, 3, 4, 17, 12)]),
]
ILSVRC_IDS = [11, 21, 31]  # as write_ilsvrc numbers the pictures


class Example(NamedTuple):
    """Files by path, and the path that is named to the reader ("." is their folder)."""

    files: dict[str, bytes]
    path: str


class Found(NamedTuple):
    """A detection: picture, class, score, and corners in pixels from 0 (the last one included)."""

    picture: int
    label: int
    score: float
    corners: tuple[int, int, int, int]


def detections() -> list[Found]:
    """Each object once, and a false detection in each picture."""
    found = []
    for number, picture in enumerate(PICTURES):
        for thing in picture.things:
            score = 0.95 - len(found) / 16
            found.append(Found(number, thing.label, score, thing[1:5]))
        found.append(Found(number, 0, 0.125, (1, 1, 8, 8)))
    return found


def coco_truth() -> dict[str, Any]:
    """A COCO document with a crowd in run-length encoding, polygons and keypoints."""
    annotations: list[dict[str, Any]] = []
    for number, picture in enumerate(PICTURES):
        for thing in picture.things:
            x, y, w, h = _xywh(thing[1:5])
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number + 1,
                    "category_id": thing.label + 1,
                    "bbox": [x, y, w, h],
                    "area": w * h / 2,
                    "iscrowd": 0,
                    "segmentation": [[x, y, x + w, y, x + w, y + h, x, y + h]],
                }
            )
    annotations[1] |= {"iscrowd": 1, "segmentation": {"size": [40, 50], "counts": [10, 90, 1900]}}
    annotations[2] |= {"keypoints": [12.5, 6, 2, 20, 10, 1, 0, 0, 0], "num_keypoints": 2}
    return {
        "info": {"year": 2014, "description": "caf\u00e9"},
        "images": [
            {"id": n + 1, "file_name": f"{p.stem}.jpg", "width": p.width, "height": p.height}
            for n, p in enumerate(PICTURES)
        ],
        "categories": [{"id": n + 1, "name": name} for n, name in enumerate(CLASSES)],
        "annotations": annotations,
    }


def lvis_truth() -> dict[str, Any]:
    """A document with the fields of LVIS."""
    document = coco_truth()
    for image in document["images"]:
        image |= {"neg_category_ids": [3], "not_exhaustive_category_ids": [1]}
    for category, frequency in zip(document["categories"], "rcf", strict=True):
        category |= {"frequency": frequency, "synset": "a.n.01", "image_count": 2}
    return document


def coco_results() -> list[dict[str, Any]]:
    """A list of COCO results, one of them with a mask alone."""
    records: list[dict[str, Any]] = [
        {
            "image_id": one.picture + 1,
            "category_id": one.label + 1,
            "bbox": _xywh(one.corners),
            "score": one.score,
        }
        for one in detections()
    ]
    return records


def mask_results() -> list[dict[str, Any]]:
    """Results that have a mask in place of a box, and keypoints."""
    records = coco_results()
    del records[0]["bbox"]
    records[0]["segmentation"] = {"size": [40, 50], "counts": "0:n000000000000000000Pb1"}
    records[1]["keypoints"] = [12.5, 6, 2, 20, 10, 1, 0, 0, 0]
    return records


def detections_document() -> dict[str, Any]:
    """Results with images and categories of their own."""
    document = coco_truth()
    for image in document["images"]:
        image["id"] += 100
    results = coco_results()
    for record in results:
        record["image_id"] += 100
    return {**document, "annotations": results}


def truths() -> dict[str, Example]:
    """Ground truth by name of its format."""
    plain, lvis = _json(coco_truth()), _json(lvis_truth())
    made = {
        "coco": Example({"truth.json": plain}, "truth.json"),
        "coco_gz": Example({"truth.json.gz": gzip.compress(plain, mtime=0)}, "truth.json.gz"),
        "lvis": Example({"lvis.json": lvis}, "lvis.json"),
        "voc": _written(lambda root: write_voc(root, PICTURES)),
        "ilsvrc": _written(_ilsvrc),
        "yolo": _written(lambda root: write_yolo(root, PICTURES)),
        "yolo_yaml": _written(_yolo_split)._replace(path="data.yaml"),
    }
    flat = {name.partition("/")[2]: made["voc"].files[name] for name in made["voc"].files}
    made["xml"] = Example({n: c for n, c in flat.items() if n.endswith(".xml")}, ".")
    darknet = {n.replace("images/", "labels/"): c for n, c in made["yolo"].files.items()}
    del darknet["data.yaml"]
    darknet["labels/classes.txt"] = "\n".join(CLASSES).encode()
    made["yolo_classes"] = Example({n.replace("labels/", ""): c for n, c in darknet.items()}, ".")
    return made


def results() -> dict[str, Example]:
    """Results by name of their format."""
    plain = _json(coco_results())
    rows = [
        f"{PICTURES[f.picture].stem},{CLASSES[f.label]},{f.score},"
        + ",".join(map(str, _xywh(f.corners)))
        for f in detections()
    ]
    table = "\n".join(["image,class,score,x,y,width,height", *rows, ""]).encode()
    strings = ["image_id,PredictionString"]
    for number, picture in enumerate(PICTURES):
        parts = [
            f"dog {f.score} {' '.join(map(str, f.corners))}"
            for f in detections()
            if f.picture == number
        ]
        strings.append(f"{picture.stem},{' '.join(parts)}")
    ilsvrc = "".join(
        f"{f.picture + 1} {f.label + 1} {f.score} {' '.join(map(str, f.corners))}\n"
        for f in detections()
    ).encode()
    lines = [
        f"{PICTURES[f.picture].stem} {CLASSES[f.label].replace(' ', '_')} {f.score} "
        f"{' '.join(map(str, f.corners))}\n"
        for f in detections()
    ]
    return {
        "lines": Example({"lines.txt": "".join(lines).encode()}, "lines.txt"),
        "results": Example({"results.json": plain}, "results.json"),
        "results_gz": Example({"r.json.gz": gzip.compress(plain, mtime=0)}, "r.json.gz"),
        "masks": Example({"masks.json": _json(mask_results())}, "masks.json"),
        "document": Example({"detections.json": _json(detections_document())}, "detections.json"),
        "csv": Example({"results.csv": table}, "results.csv"),
        "kaggle": Example({"kaggle.csv": "\n".join(strings).encode()}, "kaggle.csv"),
        "submission": Example({"submission.txt": ilsvrc}, "submission.txt"),
        "comp4": Example(_comp4(), "."),
        "yolo_results": Example(_yolo_results(), "."),
    }


def pictures() -> dict[str, bytes]:
    """The pictures themselves, in a folder images."""
    files = _written(lambda root: write_yolo(root, PICTURES)).files
    return {name: content for name, content in files.items() if name.startswith("images/")}


def truth_for(name: str) -> str:
    """The ground truth that results are evaluated against."""
    return "voc" if name == "comp4" else "coco"


def results_for(name: str) -> str:
    """The results that are evaluated against ground truth."""
    if name == "ilsvrc":
        return "ilsvrc_submission"
    return "results" if name in ("coco", "coco_gz", "lvis", "coco_folder") else "csv"


def ilsvrc_submission() -> Example:
    """Results with the ids of the ILSVRC example."""
    lines = [
        f"{ILSVRC_IDS[f.picture]} {f.label + 1} {f.score} {' '.join(map(str, f.corners))}\n"
        for f in detections()
    ]
    return Example({"submission.txt": "".join(lines).encode()}, "submission.txt")


def _xywh(corners: tuple[int, ...]) -> list[int]:
    xmin, ymin, xmax, ymax = corners
    return [xmin, ymin, xmax - xmin + 1, ymax - ymin + 1]


def _json(document: Any) -> bytes:
    return json.dumps(document).encode()


def _comp4() -> dict[str, bytes]:
    files = {}
    for label, name in enumerate(CLASSES):
        lines = [
            f"{PICTURES[f.picture].stem} {f.score} {' '.join(str(c + 1) for c in f.corners)}\n"
            for f in detections()
            if f.label == label
        ]
        files[f"comp4_det_test_{name}.txt"] = "".join(lines).encode()
    return files


def _yolo_results() -> dict[str, bytes]:
    files = {"classes.txt": "\n".join(CLASSES).encode()}
    for number, picture in enumerate(PICTURES):
        lines = []
        for found in detections():
            if found.picture == number:
                x, y, w, h = _xywh(found.corners)
                centre = ((x + w / 2) / picture.width, (y + h / 2) / picture.height)
                sides = (w / picture.width, h / picture.height)
                numbers = " ".join(map(repr, (*centre, *sides, found.score)))
                lines.append(f"{found.label} {numbers}\n")
        files[f"{picture.stem}.txt"] = "".join(lines).encode()
    return files


def _ilsvrc(root: Path) -> None:
    write_ilsvrc(root, PICTURES)
    write(root / "ILSVRC/devkit/data/blacklist.txt", f"{ILSVRC_IDS[0]} {WNIDS[2]}\n")


def _yolo_split(root: Path) -> None:
    write_yolo(root, PICTURES)
    names = ", ".join(f'"{name}"' for name in CLASSES)
    write(root / "data.yaml", f"path: .\ntrain: list.txt\nval: images\nnc: 3\nnames: [{names}]\n")
    write(root / "list.txt", "".join(f"./images/{picture.stem}.png\n" for picture in PICTURES))


def _written(make: Callable[[Path], Any]) -> Example:
    """The files that a function writes into a folder."""
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder))
        paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
    return Example(files, ".")
