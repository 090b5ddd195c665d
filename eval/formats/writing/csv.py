"""CSV: a table with one row an object, for spreadsheets and pandas."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from eval.formats.writing.labelled_image import LabelledImage, rounded

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
