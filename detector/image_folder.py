"""Where the pictures of a data set lie. Imports nothing heavy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from detector.errors import DetectorError

if TYPE_CHECKING:
    from eval import Dataset

IMAGE_FOLDERS = ("", "images", "JPEGImages")  # beside the JSON, tried in this order


def find_image_folder(data: Path, dataset: Dataset) -> Path:
    """The folder that holds a data set's first picture.

    It is looked for beside a JSON file; anywhere in the folder of a data set that is one, and in
    that of a data.yaml.

    Raises
    ------
    DetectorError
        No images in the data set, or the first is in none of the usual folders.
    """
    if not len(dataset):
        raise DetectorError(f"{data}: lists no images; give a data set with photographs")
    first = dataset.images[0].file_name
    root = data if data.is_dir() else data.parent
    for name in IMAGE_FOLDERS:
        if (root / name / first).is_file():
            return root / name
    if data.is_dir() or data.suffix in (".yaml", ".yml"):
        for parent, _, names in os.walk(root):
            if first in names:
                return Path(parent)
    where = "in" if data.is_dir() else "beside"
    raise DetectorError(f"{data}: its picture {first} is not {where} it; give --images FOLDER")
