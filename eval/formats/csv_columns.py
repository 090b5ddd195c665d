"""Tables of objects: their rows, their columns, and what the numbers of a box mean."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, NoReturn

import numpy as np

from eval.errors import EvaluationError
from eval.formats.faults import Fault, FaultHandler
from eval.formats.number_lines import number_of
from eval.wording import listed

# Accepted names of columns, without regard to case, blanks and hyphens.
IMAGE = ("image_id", "image", "file_name", "filename", "image_name", "image_path", "imageid")
CLASS_NAME = (
    *("class", "class_name", "category", "category_name", "label", "name"),
    *("labelname", "label_name"),
)
CLASS_ID = ("category_id", "class_id", "label_id")
SCORE = ("score", "confidence", "conf", "probability")
BOX_TEXT = ("bbox", "box", "bounding_box")
STRING = "predictionstring"
CORNERS, SIDES = "[x1, y1, x2, y2]", "[x, y, width, height]"
CENTRES = "[centre x, centre y, width, height]"
# The short names come first: beside them, width and height are those of the picture.
BOXES = (
    (("xmin", "ymin", "xmax", "ymax"), CORNERS),
    (("x_min", "y_min", "x_max", "y_max"), CORNERS),
    (("x1", "y1", "x2", "y2"), CORNERS),
    (("xtl", "ytl", "xbr", "ybr"), CORNERS),
    (("left", "top", "right", "bottom"), CORNERS),
    *(
        ((*centre, *sides), CENTRES)
        for centre in (("x_center", "y_center"), ("x_centre", "y_centre"), ("cx", "cy"))
        for sides in (("w", "h"), ("width", "height"))
    ),
    (("x", "y", "w", "h"), SIDES),
    (("x", "y", "width", "height"), SIDES),
    (("left", "top", "width", "height"), SIDES),
    (("xmin", "ymin", "width", "height"), SIDES),
    (("bbox_x", "bbox_y", "bbox_width", "bbox_height"), SIDES),  # makesense.ai
)
WHOLE = re.compile(r"(-?[0-9]{1,20})(\.0+)?")  # also 1.0, as pandas writes the 1 beside gaps


class Columns(NamedTuple):
    """The names of the columns that are read, and what the four numbers of a box mean.

    The name of the score is "" if none is asked for.
    """

    image: str
    category: str
    score: str
    box: tuple[str, ...]
    meaning: str


def plain(name: str) -> str:
    """The name of a column without regard to case, blanks and hyphens."""
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def chosen_columns(
    header: Sequence[str], written: Sequence[str], source: str, *, scored: bool = True
) -> Columns:
    """The columns with image, class and box, and that with the score if they are `scored`.

    Raises
    ------
    EvaluationError
        One of them is missing, or there twice.
    """
    single = {"image": IMAGE, "class": (*CLASS_NAME, *CLASS_ID)}
    single |= {"score": SCORE} if scored else {}
    chosen = {what: [name for name in names if name in header] for what, names in single.items()}
    texts = [((name,), SIDES) for name in BOX_TEXT]
    box, meaning = next(
        (pair for pair in (*BOXES, *texts) if set(pair[0]) <= set(header)), ((), "")
    )
    used = [*(names[0] for names in chosen.values() if names), *box]
    twice = next((name for name in used if header.count(name) > 1), "")
    if twice:
        raise EvaluationError(f"{source}: line 1: column {twice!r:.60} is repeated; rename one")
    missing = [what for what, names in chosen.items() if not names]
    if missing or not box:
        missing += [] if box else ["box (x, y, width, height or xmin, ymin, xmax, ymax)"]
        raise EvaluationError(
            f"{source}: line 1: no column for {', '.join(missing)}; "
            f"the columns are {listed(written)}"
        )
    image, category, *score = (names[0] for names in chosen.values())
    return Columns(image, category, score[0] if score else "", box, meaning)


def are_sides_of_pictures(boxes: np.ndarray, sizes: np.ndarray) -> bool:
    """Whether the sides of all boxes are those of their pictures, although some begin inside.

    The boxes are (N, 4) [x, y, width, height]; the sizes (N, 2), 0 or NaN where they are unknown.
    """
    inside = bool(len(boxes)) and bool((boxes[:, :2] > 0).any())
    return inside and bool(((boxes[:, 2:] == sizes) & (sizes > 0)).all())


def refuse_sides_of_pictures(box: Sequence[str], source: str) -> NoReturn:
    """Raise the EvaluationError on a table where are_sides_of_pictures is true."""
    raise EvaluationError(
        f"{source}: the columns {box[2]} and {box[3]} are the sides of the picture in every line; "
        "name the columns of the box x, y, w, h or xmin, ymin, xmax, ymax"
    )


def whole(cell: str) -> str:
    """A cell without blanks around it; 1 for 1.0."""
    match = WHOLE.fullmatch(cell.strip())
    return match[1] if match else cell.strip()


def numbers_in(text: str, count: int) -> list[str]:
    """The numbers in a text like "[10, 10, 100, 100]"; `count` empty texts for anything else."""
    words = re.split(r"[\s,;]+", text.strip().strip("[]()").strip())
    return words if len(words) == count else [""] * count


def unpacked(
    header: tuple[str, ...], rows: list[list[str]], lines: list[int], one_class: str
) -> tuple[tuple[str, ...], list[list[str]], list[int]]:
    """A table with one detection in each row, from one with a column PredictionString.

    Its cells list the detections of a picture: class, score, xmin, ymin, xmax and ymax of each; or
    score, x, y, width and height where the ground truth has one class, called `one_class`.
    """
    image = next((i for i, name in enumerate(header) if name in IMAGE), None)
    strings = header.index(STRING)
    if image is None:
        return header, rows, lines
    cells = [row[strings].split() for row in rows]
    bare = bool(one_class) and any(len(words) % 6 for words in cells)
    size = 5 if bare else 6
    names = ("x", "y", "width", "height") if bare else ("xmin", "ymin", "xmax", "ymax")
    found, places = [], []
    for row, words, line in zip(rows, cells, lines, strict=True):
        for start in range(0, len(words), size):
            part = words[start : start + size]
            part += [""] * (size - len(part))  # cut short: the cells that follow are no numbers
            found.append([row[image], *([one_class] if bare else []), *part])
            places.append(line)
    return (header[image], "class", "score", *names), found, places


def table_rows(
    text: str, source: str, on_fault: FaultHandler, headings: Sequence[str] = ()
) -> tuple[tuple[str, ...], Iterator[tuple[int, list[str]]]]:
    """The headings as written, and line number and cells of each row with as many cells.

    Cells are separated by commas, semicolons or tabs, whichever the first line has most of. Rows
    with another number of cells are faults; empty ones are passed over.

    Parameters
    ----------
    headings
        Those of a table whose first line has none.

    Raises
    ------
    EvaluationError
        The text is no table, or its headings are numbers.
    """
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    rows = _cells(csv.reader(text.splitlines(keepends=True), delimiter=delimiter), source)
    written = tuple(headings or (name.strip() for name in next(rows, (0, []))[1]))
    if sum(not math.isnan(number_of(name)) for name in written) > 1:
        raise EvaluationError(
            f"{source}: line 1: expected the names of the columns; the first line is "
            f"{listed(written)}"
        )
    return written, _of_width(rows, len(written), source, on_fault)


def _cells(reader: Any, source: str) -> Iterator[tuple[int, list[str]]]:
    try:
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise EvaluationError(f"{source}: line {reader.line_num}: not a table ({error})") from None


def _of_width(
    rows: Iterator[tuple[int, list[str]]], width: int, source: str, on_fault: FaultHandler
) -> Iterator[tuple[int, list[str]]]:
    for line, cells in rows:
        if len(cells) == width:
            yield line, cells
        elif any(cell.strip() for cell in cells):
            message = f"{len(cells)} columns; the first line has {width}"
            on_fault(Fault(f"{source}: line {line}", "columns", message, "wrong number of columns"))
