"""CSV: a table with one row an object, for spreadsheets and pandas."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from eval.formats.writing.labelled_image import LabelledImage, counted, rounded

BOX = ("x1", "y1", "x2", "y2")


def csv_text(images: Sequence[LabelledImage], class_names: Sequence[str]) -> str:
    """A header and one row an object: file_name, class, score, x1, y1, x2, y2.

    Boxes are pixels, 0-based and continuous. Ground truth has no score, but difficult and crowd, 0
    or 1, at the end. An image without objects has no row.
    """
    has_scores = any(image.scores is not None for image in images)
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    if has_scores:
        writer.writerow(("file_name", "class", "score", *BOX))
    else:
        writer.writerow(("file_name", "class", *BOX, "difficult", "crowd"))
    for image in images:
        for row, box in enumerate(rounded(image.boxes_xyxy).tolist()):
            begin = (image.file_name, class_names[image.labels[row]])
            if image.scores is not None:
                writer.writerow((*begin, float(image.scores[row]), *box))
            else:
                flags = (int(image.difficult[row]), int(image.crowd[row]))
                writer.writerow((*begin, *box, *flags))
    return file.getvalue()


def write_csv(
    images: Sequence[LabelledImage], class_names: Sequence[str], path: Path
) -> tuple[str, ...]:
    """Write csv_text to a file.

    Returns
    -------
    What the format does not hold, one sentence with a count for each kind.
    """
    # A BOM would let Excel recognise UTF-8, but it would be part of pandas' first column name.
    path.write_text(csv_text(images, class_names), encoding="utf-8", newline="")
    empty = sum(not len(image) for image in images)
    return counted({"images without objects, which have no row": empty})
