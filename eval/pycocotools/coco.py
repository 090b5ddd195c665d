"""A data set in COCO's format, with the methods and attributes of pycocotools' COCO."""

from __future__ import annotations

import copy
import json
import os
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from eval.errors import EvaluationError
from eval.processors import collection_paused
from eval.pycocotools.masks.official import official
from eval.pycocotools.results import complete, records_of_rows

NEEDING = "this form of mask needs"


class COCO:
    """Annotations by image and by category.

    Parameters
    ----------
    annotation_file
        Path of a JSON file in COCO's format, or its content; None for an empty data set, whose
        `dataset` is set later, before `createIndex`.

    Attributes
    ----------
    dataset
        The content of the file.
    anns, cats, imgs
        Annotations, categories and images by id.
    imgToAnns, catToImgs
        Annotations by image id, and image ids by category id.
    """

    @collection_paused()
    def __init__(self, annotation_file: str | os.PathLike[str] | dict | None = None) -> None:
        self.dataset: dict[str, Any] = {}
        self.anns: dict[Any, dict] = {}
        self.cats: dict[Any, dict] = {}
        self.imgs: dict[Any, dict] = {}
        self.imgToAnns: dict[Any, list] = defaultdict(list)
        self.catToImgs: dict[Any, list] = defaultdict(list)
        if annotation_file is None:
            return
        content: Any = annotation_file
        if not isinstance(annotation_file, dict):
            print("loading annotations into memory...")
            start = time.time()
            content = _load(annotation_file)
            print(f"Done (t={time.time() - start:0.2f}s)")
        if not isinstance(content, dict):
            raise EvaluationError(
                f"{annotation_file}: expected a data set in COCO's format, found a "
                f"{type(content).__name__}; results are read by loadRes"
            )
        self.dataset = content
        self.createIndex()

    def createIndex(self) -> None:
        """Build the attributes from `dataset`."""
        print("creating index...")
        self.imgToAnns, self.catToImgs = defaultdict(list), defaultdict(list)
        annotations = self.dataset.get("annotations", [])
        self.anns = {one["id"]: one for one in annotations}
        self.imgs = {one["id"]: one for one in self.dataset.get("images", [])}
        self.cats = {one["id"]: one for one in self.dataset.get("categories", [])}
        for one in annotations:
            self.imgToAnns[one["image_id"]].append(one)
        if "categories" in self.dataset:
            for one in annotations:
                self.catToImgs[one["category_id"]].append(one["image_id"])
        print("index created!")

    def info(self) -> None:
        """Print the description of the data set."""
        for key, value in self.dataset["info"].items():
            print(f"{key}: {value}")

    def getAnnIds(
        self, imgIds: Any = (), catIds: Any = (), areaRng: Any = (), iscrowd: bool | None = None
    ) -> list:
        """Ids of annotations: of these images and categories, with an area inside the range.

        An empty filter accepts everything.
        """
        images, categories = _as_list(imgIds), _as_list(catIds)
        if len(images):
            found = [one for i in images if i in self.imgToAnns for one in self.imgToAnns[i]]
        else:
            found = self.dataset.get("annotations", [])
        if len(categories):
            wanted = set(categories)
            found = [one for one in found if one["category_id"] in wanted]
        if len(areaRng):
            found = [one for one in found if areaRng[0] < one["area"] < areaRng[1]]
        if iscrowd is not None:
            found = [one for one in found if one["iscrowd"] == iscrowd]
        return [one["id"] for one in found]

    def getCatIds(self, catNms: Any = (), supNms: Any = (), catIds: Any = ()) -> list:
        """Ids of categories with these names, supercategories, ids; an empty filter accepts all."""
        found = self.dataset.get("categories", [])
        for key, filter_ in (("name", catNms), ("supercategory", supNms), ("id", catIds)):
            wanted = _as_list(filter_)
            if len(wanted):
                found = [one for one in found if one[key] in wanted]
        return [one["id"] for one in found]

    def getImgIds(self, imgIds: Any = (), catIds: Any = ()) -> list:
        """Ids of images that have objects of all these categories; an empty filter accepts all."""
        images, categories = _as_list(imgIds), _as_list(catIds)
        if len(images) == len(categories) == 0:
            return list(self.imgs)
        found = set(images)
        for place, category in enumerate(categories):
            own = set(self.catToImgs[category])
            found = own if place == 0 and not found else found & own
        return list(found)

    def loadAnns(self, ids: Any = ()) -> list[dict]:
        """The annotations with these ids, or with this id."""
        return _with_ids(self.anns, ids)

    def loadCats(self, ids: Any = ()) -> list[dict]:
        """The categories with these ids, or with this id."""
        return _with_ids(self.cats, ids)

    def loadImgs(self, ids: Any = ()) -> list[dict]:
        """The images with these ids, or with this id."""
        return _with_ids(self.imgs, ids)

    @collection_paused()
    def loadRes(self, resFile: str | os.PathLike[str] | list | np.ndarray) -> COCO:
        """Detections as a COCO object with the images and categories of this one.

        Parameters
        ----------
        resFile
            Path of a JSON file of results, its content, or an array (N, 7) of image id, x, y,
            width, height, score and category id. Each dict of a list gets the keys `id` and
            `area`, and `bbox`, `segmentation` and `iscrowd` if it lacks them.

        Raises
        ------
        EvaluationError
            The results are no list, or name an image that the data set does not have.
        """
        result = type(self).__new__(type(self))  # a derived class may need other arguments
        COCO.__init__(result)
        result.dataset["info"] = copy.deepcopy(self.dataset.get("info", {}))
        result.dataset["images"] = list(self.dataset["images"])
        print("Loading and preparing results...")
        start = time.time()
        records: Any = resFile
        if isinstance(resFile, str | os.PathLike):
            records = _load(resFile)
        elif isinstance(resFile, np.ndarray):
            records = self.loadNumpyAnnotations(resFile)
        if not isinstance(records, list):
            raise EvaluationError(f"results: expected a list, found a {type(records).__name__}")
        unknown = {one["image_id"] for one in records} - self.imgs.keys()
        if unknown:
            raise EvaluationError(
                f"results: {len(unknown)} image ids are not in the data set, such as "
                f"{min(unknown, key=str)!r}; the results belong to another data set"
            )
        if "categories" in self.dataset and not (records and "caption" in records[0]):
            result.dataset["categories"] = copy.deepcopy(self.dataset["categories"])
        complete(records)
        print(f"DONE (t={time.time() - start:0.2f}s)")
        result.dataset["annotations"] = records
        result.createIndex()
        return result

    def loadNumpyAnnotations(self, data: np.ndarray) -> list[dict]:
        """Results as dicts from an array (N, 7) of image id, xywh, score and category id."""
        print("Converting ndarray to lists...")
        return records_of_rows(data)

    def annToRLE(self, ann: dict) -> dict:
        """The run-length encoding of an annotation's polygons or mask."""
        image, shape = self.imgs[ann["image_id"]], ann["segmentation"]
        mask = official("mask", NEEDING)
        if isinstance(shape, list):
            return mask.merge(mask.frPyObjects(shape, image["height"], image["width"]))
        if isinstance(shape["counts"], list):
            return mask.frPyObjects(shape, image["height"], image["width"])
        return shape

    def annToMask(self, ann: dict) -> np.ndarray:
        """The mask of an annotation, (height, width) uint8, 1 inside."""
        return official("mask", NEEDING).decode(self.annToRLE(ann))


def _load(path: str | os.PathLike[str]) -> Any:
    """A JSON file's content; Python's own reader takes what the fast one refuses, such as NaN."""
    import orjson

    content = Path(path).read_bytes()
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        return json.loads(content)


def _as_list(values: Any) -> Any:
    return values if hasattr(values, "__iter__") and hasattr(values, "__len__") else [values]


def _with_ids(records: dict[Any, dict], ids: Any) -> list[dict]:
    wanted: Iterable[Any] = _as_list(ids)
    return [records[one] for one in wanted]
