"""Pictures and their objects, gathered one by one, and the data set that they become.

Numbers are kept in compact arrays, because a file of 200 MB lists millions of objects.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Sequence
from itertools import count
from pathlib import Path, PurePosixPath

import numpy as np

from eval.datasets import Dataset, Identity, ImageRecord, Truths, group_by_image
from eval.formats.faults import Fault, FaultHandler
from eval.formats.folders.xml_boxes import LARGEST_CORNER, LARGEST_SIDE, oddities
from eval.formats.truth.picture_files import (
    is_picture_name,
    located,
    named_after,
    with_sizes,
)
from eval.wording import amount

WHOLE = re.compile("[0-9]{1,18}")
EXPECTED = "expected xmin <= xmax and ymin <= ymax"


class Gathering:
    """What a reader has found so far: pictures, and the objects of the latest picture."""

    def __init__(self, on_fault: FaultHandler) -> None:
        self.on_fault = on_fault
        self.names: list[str] = []
        self.sides: list[tuple[int, int]] = []
        self.numbered = False  # whether the ids of pictures are the numbers that name them
        self.left_out: Counter[str] = Counter()
        self.relative = False  # whether corners are fractions of the picture
        self._label_of: dict[str, int] = {}
        self._labels, self._owners = array("q"), array("q")
        self._corners = array("d")
        self._difficult, self._crowd = bytearray(), bytearray()

    def picture(self, file_name: str, width: float = 0, height: float = 0) -> int:
        """Begin a picture and return its index; sides that are 0 or no numbers are unknown."""
        self.names.append(file_name.strip().replace("\\", "/"))
        sides = (int(side) if 0 < side <= LARGEST_SIDE else 0 for side in (width, height))
        self.sides.append((next(sides), next(sides)))
        return len(self.names) - 1

    def add(
        self,
        where: str,
        name: str,
        corners: Sequence[float] | None,
        *,
        difficult: bool = False,
        crowd: bool = False,
        picture: int = -1,
    ) -> None:
        """Add an object with continuous [xmin, ymin, xmax, ymax] to a picture; -1 is the latest.

        `where` names it in faults: a missing class, and corners that are None, not finite, or in
        the wrong order.
        """
        name = name.strip()
        if not name:
            self.on_fault(Fault(where, "class", "no class; name it", "object without a class"))
        elif corners is None or len(corners) != 4 or not all(map(_is_pixel, corners)):
            message = "the box is not 4 finite numbers; correct it"
            self.on_fault(Fault(where, "box", message, "not a finite number"))
        elif corners[2] < corners[0] or corners[3] < corners[1]:
            shown = ", ".join(f"{corner:g}" for corner in corners)
            message = f"the corners are {shown}; {EXPECTED}"
            self.on_fault(Fault(where, "box", message, "corners in the wrong order"))
        else:
            self._labels.append(self._label_of.setdefault(name, len(self._label_of)))
            self._owners.append(picture if picture >= 0 else len(self.names) - 1)
            self._corners.extend(corners)
            self._difficult.append(difficult)
            self._crowd.append(crowd)

    def leave_out(self, kind: str) -> None:
        """Count an object of a kind that has no box."""
        self.left_out[kind] += 1

    def classes(self) -> list[str]:
        """The names of the objects so far, in alphabetical order."""
        return sorted(self._label_of)

    def known_sides(self, root: Path) -> list[tuple[int, int]]:
        """(width, height) of each picture as far as it is stated or in its file; otherwise 0."""
        folder, files = located(root, root, self.names)
        self.sides = with_sizes(self.sides, files, folder, self.on_fault)
        return self.sides

    def looks_relative(self) -> bool:
        """Whether all corners lie between 0 and 1, and some are fractions."""
        corners = np.frombuffer(self._corners, np.float64)
        within = len(corners) and corners.min() > -1 and corners.max() <= 1 + 1e-6
        return bool(within and (corners % 1 != 0).any())

    def dataset(
        self,
        place: Path,
        *,
        class_names: Sequence[str] = (),
        category_ids: Sequence[Identity] | None = None,
        notes: Sequence[str] = (),
        folder: Path | None = None,
    ) -> Dataset:
        """The data set of the file or folder at `place`.

        Parameters
        ----------
        class_names
            The classes in their order. Default: the names of the objects in alphabetical order;
            names that are not listed follow the listed ones.
        category_ids
            The ids of the classes; a name that is listed twice has the first one, and names that
            are not listed get higher ones. Default: 1, 2, and so on.
        folder
            Where pictures are looked for first.
        """
        listed = [name.strip() for name in class_names]  # as `add` has them
        names = [*dict.fromkeys(listed), *sorted(set(self._label_of) - set(listed))]
        ids = _ids_of(names, listed, category_ids)
        root = place if place.is_dir() else place.parent
        if all(self.names) and not any(map(is_picture_name, self.names)):
            self.names = named_after(root, self.names)
        pictures, files = located(folder or root, root, self.names)
        sides = with_sizes(self.sides, files, pictures, self.on_fault)
        images = [
            ImageRecord(identity, file, height, width)
            for identity, file, (width, height) in zip(
                self._ids(place.name), files, sides, strict=True
            )
        ]
        new_label = np.array([names.index(name) for name in self._label_of], np.int64)
        owners = np.array(self._owners, np.int64)
        scale = self._scale(sides) if self.relative else np.ones((len(images), 2))
        truths = self._truths(new_label, np.tile(scale, 2)[owners])
        return group_by_image(
            images,
            names,
            ids,
            truths,
            owners,
            source=place.resolve().name,
            notes=(*notes, *self._notes(), *oddities(images, truths, owners)),
            pictures=pictures,
        )

    def _scale(self, sides: Sequence[tuple[int, int]]) -> np.ndarray:
        """(images, 2) width and height; a picture of unknown size with objects is a fault."""
        for row in sorted(set(self._owners)):
            if 0 in sides[row]:
                message = (
                    "boxes are fractions of the picture, whose size is unknown: add the picture"
                )
                self.on_fault(Fault(self.names[row], "size", message, "image of unknown size"))
        return np.array(sides, np.float64).reshape(-1, 2)

    def _truths(self, new_label: np.ndarray, scale: np.ndarray) -> Truths:
        corners = np.array(self._corners, np.float64).reshape(-1, 4) * scale
        boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
        labels = np.array(self._labels, np.int64)
        with np.errstate(over="ignore"):
            areas = boxes[:, 2] * boxes[:, 3]
        return Truths(
            boxes=boxes,
            labels=new_label[labels] if len(labels) else labels,
            areas=areas,
            difficult=np.array(self._difficult, bool),
            crowd=np.array(self._crowd, bool),
        )

    def _ids(self, source: str) -> list[Identity]:
        """The stem of each file name, or a number; two pictures with one id are a fault."""
        paths = [PurePosixPath(name) for name in self.names]
        stems = [path.stem for path in paths]
        if len(set(stems)) < len(stems):
            stems = [str(path.with_suffix("")) if path.name else "" for path in paths]
        numbered = self.numbered and all(map(WHOLE.fullmatch, stems))
        ids: list[Identity] = [int(stem) if numbered else stem for stem in stems]
        seen: dict[Identity, int] = {}
        for row, identity in enumerate(ids):
            if identity == "":
                message = "a picture has no file name; name it"
                self.on_fault(
                    Fault(f"{source}: picture {row + 1}", "image", message, "no file name")
                )
            elif seen.setdefault(identity, row) != row:
                first = self.names[seen[identity]]
                message = f"the picture is listed twice (first as {first:.60}); list each once"
                self.on_fault(
                    Fault(
                        f"{source}: {self.names[row]:.60}", "image", message, "image listed twice"
                    )
                )
                ids[row] = f"{identity} ({row + 1})"
        return ids

    def _notes(self) -> tuple[str, ...]:
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in sorted(self.left_out.items()))
        what = amount(self.left_out.total(), "object") + " without a box"
        return (f"left out {what}: {kinds}",) if kinds else ()


def _is_pixel(corner: float) -> bool:
    return abs(corner) < LARGEST_CORNER  # NaN is not


def _ids_of(
    names: Sequence[str], listed: Sequence[str], ids: Sequence[Identity] | None
) -> Sequence[Identity]:
    """An id for each of the names; `ids` are those of the listed ones."""
    if ids is None:
        return range(1, len(names) + 1)
    known = dict(zip(reversed(listed), reversed(ids), strict=True))
    unused = count(1 + max((one for one in ids if isinstance(one, int)), default=0))
    return [known[name] if name in known else next(unused) for name in names]
