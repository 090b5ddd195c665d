"""Where the pictures of a data set lie. Imports nothing heavy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from detector.errors import DetectorError

if TYPE_CHECKING:
    from eval import Dataset

IMAGE_FOLDERS = ("", "images", "JPEGImages")  # beside the JSON, tried in this order


def find_image_folder(data: Path, dataset: Dataset) -> Path:
    """The folder beside the JSON that holds its first picture.

    Raises
    ------
    DetectorError
        No images in the data set, or the first is in none of the usual folders.
    """
    if not len(dataset):
        raise DetectorError(f"{data}: lists no images; give a data set with photographs")
    first = dataset.images[0].file_name
    for name in IMAGE_FOLDERS:
        if (data.parent / name / first).is_file():
            return data.parent / name
    raise DetectorError(f"{data}: its picture {first} is not beside it; give --images FOLDER")
