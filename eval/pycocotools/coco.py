"""A data set in COCO's format, with the methods and attributes of pycocotools' COCO."""

from __future__ import annotations

import copy
import os
import time
from collections import defaultdict
from typing import Any

import numpy as np

from eval.errors import EvaluationError
from eval.processors import collection_paused
from eval.pycocotools.masks.official import official
from eval.pycocotools.masks.shapes import Converter
from eval.pycocotools.results import check_images, complete, records_of_rows
from eval.pycocotools.unread import Unread, load, made_when_used, read_results, read_truths

NEEDING = "this form of mask needs"
# A derived class that has one of these sees dicts only.
REPLACEABLE = ("createIndex", "getAnnIds", "loadAnns", "loadRes", "annToRLE")


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
    unread
        The annotations of a file while they are text, which nobody can have changed; None later.

    The annotations of a file become dicts when one of these attributes, or a method that needs
    them, is first used. Until then, COCOeval reads them from the text.
    """

    @collection_paused()
    def __init__(self, annotation_file: str | os.PathLike[str] | dict | None = None) -> None:
        self.unread: Unread | None = None
        self._dataset: dict[str, Any] = {}
        self._anns: dict[Any, dict] = {}
        self.cats: dict[Any, dict] = {}
        self.imgs: dict[Any, dict] = {}
        self._imgToAnns: dict[Any, list] = defaultdict(list)
        self._catToImgs: dict[Any, list] = defaultdict(list)
        if annotation_file is None:
            return
        content: Any = annotation_file
        if not isinstance(annotation_file, dict):
            print("loading annotations into memory...")
            start = time.time()
            unread = self._read(annotation_file, read_truths)
            content = load(annotation_file) if unread is None else dict(unread.head)
            self.unread = unread
            print(f"Done (t={time.time() - start:0.2f}s)")
        if not isinstance(content, dict):
            raise EvaluationError(
                f"{annotation_file}: expected a data set in COCO's format, found a "
                f"{type(content).__name__}; results are read by loadRes"
            )
        self._dataset = content
        self.createIndex()

    dataset = made_when_used("_dataset")
    anns = made_when_used("_anns")
    imgToAnns = made_when_used("_imgToAnns")
    catToImgs = made_when_used("_catToImgs")

    def createIndex(self) -> None:
        """Build the attributes from `dataset`."""
        print("creating index...")
        self.imgs = {one["id"]: one for one in self._dataset.get("images", [])}
        self.cats = {one["id"]: one for one in self._dataset.get("categories", [])}
        if self.unread is None:
            self._index_annotations()
        print("index created!")

    def _index_annotations(self) -> None:
        self._imgToAnns, self._catToImgs = defaultdict(list), defaultdict(list)
        annotations = self._dataset.get("annotations", [])
        self._anns = {one["id"]: one for one in annotations}
        for one in annotations:
            self._imgToAnns[one["image_id"]].append(one)
        if "categories" in self._dataset:
            for one in annotations:
                self._catToImgs[one["category_id"]].append(one["image_id"])

    @collection_paused()
    def make_dicts(self) -> None:
        """Make the dicts of annotations that are still text."""
        unread, self.unread = self.unread, None
        if unread is not None:
            content = unread.content()
            # Callers may have the images and categories already.
            self._dataset = (
                self._dataset | {"annotations": content}
                if unread.results
                else content | self._dataset
            )
            self._index_annotations()
            for change in unread.changes:
                change(self)

    def _read(self, path: str | os.PathLike[str], function: Any) -> Unread | None:
        """A file whose annotations stay text; None if a derived class expects dicts."""
        plain = all(getattr(type(self), name) is getattr(COCO, name) for name in REPLACEABLE)
        return function(path, Converter(self)) if plain else None

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
        found = self._dataset.get("categories", [])
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
        content = result._dataset
        content["info"] = copy.deepcopy(self._dataset.get("info", {}))
        content["images"] = list(self._dataset["images"])
        print("Loading and preparing results...")
        start = time.time()
        records: Any = resFile
        if isinstance(resFile, str | os.PathLike):
            result.unread = result._read(resFile, read_results)
            records = [] if result.unread else load(resFile)
        elif isinstance(resFile, np.ndarray):
            records = self.loadNumpyAnnotations(resFile)
        if not isinstance(records, list):
            raise EvaluationError(f"results: expected a list, found a {type(records).__name__}")
        unread = result.unread
        images = unread.images() if unread else [one["image_id"] for one in records]
        check_images(images, self.imgs)
        if "categories" in self._dataset and not (records and "caption" in records[0]):
            content["categories"] = copy.deepcopy(self._dataset["categories"])
        complete(records)
        print(f"DONE (t={time.time() - start:0.2f}s)")
        content["annotations"] = records
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


def _as_list(values: Any) -> Any:
    return values if hasattr(values, "__iter__") and hasattr(values, "__len__") else [values]


def _with_ids(records: dict[Any, dict], ids: Any) -> list[dict]:
    return [records[one] for one in _as_list(ids)]
