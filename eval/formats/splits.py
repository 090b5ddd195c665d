"""The splits of a data set, and the one that a detector is trained on."""

from __future__ import annotations

from pathlib import Path

from eval.errors import EvaluationError
from eval.formats.folders.voc_files import split_folders
from eval.formats.folders.yolo_folders import splits_of
from eval.formats.open_images.files import splits_in
from eval.formats.recognised import kind_of_folder
from eval.formats.truth.coco_folder import coco_files

# Image lists of VOC and ILSVRC folders; for ILSVRC the path may also be the folder above.
IMAGE_LISTS = tuple(
    f"{above}{lists}"
    for above in ("", "ILSVRC/")
    for lists in ("ImageSets/*/*.txt", "*devkit/data/det_lists/*.txt")
)


def training_split(data: Path) -> str | None:
    """The split of a data set that is for training; None where the data set has no splits.

    The readers default to test or val instead, because they serve evaluation.

    Raises
    ------
    EvaluationError
        The folder has splits, but none of them is for training.
    """
    names = _names(data)
    training = next((name for name in ("trainval", "train") if name in names), None)
    if training is None and names & {"test", "val", "valid"}:
        raise EvaluationError(
            f"{data}: no split is called train or trainval; name the one to train on with "
            f"--split: {', '.join(sorted(names)):.200}"
        )
    return training


def splits_of_data(data: Path) -> tuple[str | None, ...]:
    """The splits of a folder that together hold each image once; (None,) where it has none.

    trainval, which is train and val together, counts only where neither of them exists.
    """
    names = _names(data)
    first = ("train", "val", "valid") if names & {"train", "val", "valid"} else ("trainval",)
    return tuple(name for name in (*first, "test") if name in names) or (None,)


def _names(data: Path) -> set[str]:
    if data.is_file() and data.suffix not in (".yaml", ".yml") and data.name != "obj.data":
        return set()
    if data.is_dir() and kind_of_folder(data) == "COCO folder":
        return set(filter(None, coco_files(data)))
    root = data if data.is_dir() else data.parent
    names = {path.stem for lists in IMAGE_LISTS for path in root.glob(lists)}
    return names | set(splits_of(data)) | set(split_folders(root)) | splits_in(root)
