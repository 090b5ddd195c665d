"""Ground truth of two other evaluators: a text file for each picture, with one object a line.

Cartucho's mAP reads `class left top right bottom [difficult]`,
https://github.com/Cartucho/mAP, and Padilla's `class left top width height`, by choice corners,
https://github.com/rafaelpadilla/Object-Detection-Metrics. Files of both look alike.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from eval.datasets import Dataset
from eval.errors import EvaluationError
from eval.formats.faults import Fault, FaultHandler, refuse
from eval.formats.folders.yolo_names import read_names
from eval.formats.foreign import is_kitti
from eval.formats.number_lines import number_of, whole_number
from eval.formats.text_files import first_line, word_lines
from eval.formats.truth.gathering import Gathering
from eval.formats.truth.kitti import kitti_home
from eval.formats.truth.picture_files import named_after

FOLDERS = ("ground-truth", "groundtruths", "input/ground-truth")  # the first is Cartucho's
CORNERS, SIDES, RELATIVE = "corners", "sides", "relative"
MEANINGS = {
    CORNERS: "xmin ymin xmax ymax",
    SIDES: "x y width height",
    RELATIVE: "cx cy w h in fractions of the picture",
}
MANY = 30  # boxes; if all could be corners, they are
MOST = 20  # files that are looked at to recognise a folder
LISTS = ("classes.txt", "class_list.txt", "_classes.txt", "README.txt", "readme.txt")
SLACK = 1.5  # pixels by which a box may leave its picture


def read_plain_text(
    path: str | os.PathLike[str], *, boxes: str | None = None, on_fault: FaultHandler = refuse
) -> Dataset:
    """Read a folder of text files, or one with the folder ground-truth or groundtruths in it.

    A line is a class, four numbers and, if the object is difficult, the word `difficult`. The
    numbers are corners or x, y, width and height, continuous from 0 in pixels, or `cx cy w h` in
    fractions of a picture, which must be there then. A class may be a number, which classes.txt or
    class_list.txt names. Classes are those of that file, or else the names in alphabetical order;
    their ids are 1, 2, and so on. The id of a picture is the name of its text file without the
    suffix.

    Parameters
    ----------
    boxes
        What the numbers mean: "corners" or "sides". Default: what the numbers themselves show.

    Raises
    ------
    EvaluationError
        The message names file and line: a line of another kind. Also if the numbers can mean both.
    """
    if boxes not in (None, CORNERS, SIDES):
        raise EvaluationError(f"boxes is {boxes!r:.40}; expected 'corners' or 'sides'")
    folder = _home(Path(path))
    files = _text_files(folder)
    found = Gathering(on_fault)
    lines: list[_Line] = []
    for file, name in zip(files, named_after(folder, [one.stem for one in files]), strict=True):
        picture = found.picture(name)
        for number, words in word_lines(file):
            line = _parsed(words, f"{file.name}: line {number}", picture)
            if line is None:
                message = "expected a class and 4 numbers, and `difficult` or nothing behind them"
                on_fault(Fault(f"{file.name}: line {number}", "", message, "line of another kind"))
            else:
                lines.append(line)
    numbers = np.array([line.numbers for line in lines], np.float64).reshape(-1, 4)
    sides = np.array(found.known_sides(folder), np.float64).reshape(-1, 2)
    limits = sides[[line.picture for line in lines]]
    meaning = boxes or _meaning(numbers, limits, folder)
    names = _class_names(folder)
    for line, corners in zip(lines, _corners(numbers, meaning).tolist(), strict=True):
        name = names[int(line.name)] if _is_index(line.name, names) else line.name
        found.add(line.where, name, corners, difficult=line.difficult, picture=line.picture)
    found.relative = meaning == RELATIVE
    note = f"lines were read as `class {MEANINGS[meaning]}`"
    remedy = "; state another meaning with --text-boxes (boxes= in Python)" * (boxes is None)
    return found.dataset(folder, class_names=names, notes=(note + remedy,))


def kind_of_texts(folder: Path) -> str:
    """ "KITTI" or "plain text" if the text files of a folder begin so; "" otherwise."""
    home = kitti_home(folder)
    files = sorted(home.rglob("*.txt")) if home != folder else _text_files(_home(folder))
    first = [first_line(file) for file in files[:MOST]]
    first = [line for line in first if line]
    if first and all(map(is_kitti, first)):
        return "KITTI"
    parsed = [_parsed(line.decode(errors="replace").split(), "", 0) for line in first]
    lines = [line for line in parsed if line is not None]
    pixels = [math.isnan(number_of(line.name)) or min(line.numbers[2:]) > 1 for line in lines]
    return "plain text" if lines and len(lines) == len(first) and all(pixels) else ""


class _Line(NamedTuple):
    where: str
    picture: int
    name: str
    numbers: list[float]
    difficult: bool


def _home(path: Path) -> Path:
    """The folder of the text files: one of FOLDERS below the path, or the path itself."""
    return next((path / name for name in FOLDERS if (path / name).is_dir()), path)


def _text_files(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.glob("*.txt"))
        if path.name not in LISTS and not path.name.startswith(".") and path.is_file()
    ]


def _parsed(words: list[str], where: str, picture: int) -> _Line | None:
    """The parts of a line; None if it is of another kind."""
    difficult = words[-1] == "difficult"
    words = words[:-1] if difficult else words
    numbers = [number_of(word) for word in words[-4:]]
    name = " ".join(words[:-4])
    last = number_of(words[-5]) if len(words) > 5 else math.nan
    if not name or any(map(math.isnan, numbers)) or not math.isnan(last):
        return None
    return _Line(where, picture, name, numbers, difficult)


def _meaning(numbers: np.ndarray, limits: np.ndarray, folder: Path) -> str:
    """What (N, 4) numbers mean in pictures of (N, 2) width and height, 0 if unknown.

    Raises
    ------
    EvaluationError
        The numbers can be corners as well as sides.
    """
    low, high = numbers[:, :2], numbers[:, 2:]
    if len(numbers) and numbers.max() <= 1 + 1e-6 and (numbers % 1 != 0).any():
        return RELATIVE
    if (high < low).any():
        return SIDES
    if ((low + high > limits + SLACK) & (limits > 0)).any() or len(numbers) >= MANY:
        return CORNERS
    if folder.name == FOLDERS[0] or not len(numbers):
        return CORNERS
    raise EvaluationError(
        f"{folder}: the numbers behind the class can be xmin ymin xmax ymax as well as x y width "
        "height; say which: --text-boxes corners, or sides (boxes= in Python)"
    )


def _corners(numbers: np.ndarray, meaning: str) -> np.ndarray:
    """(N, 4) corners from numbers of a meaning."""
    low, high = numbers[:, :2], numbers[:, 2:]
    if meaning == CORNERS:
        return numbers
    begin = low - high / 2 if meaning == RELATIVE else low
    return np.concatenate([begin, begin + high], axis=1)


def _class_names(folder: Path) -> tuple[str, ...]:
    files = (place / name for place in (folder, folder.parent) for name in LISTS[:2])
    file = next((one for one in files if one.is_file()), None)
    return read_names(file)[0] if file else ()


def _is_index(word: str, names: Sequence[str]) -> bool:
    number = whole_number(word)
    return number is not None and number < len(names)
