"""Small data sets written in each format, from one description."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from hypothesis import strategies as st
from PIL import Image

WNIDS = ("n02691156", "n02084071", "n02121808")
CLASSES = ("airplane", "dog", "domestic cat")


class Thing(NamedTuple):
    """An object: label, first and last pixel counted from 0, difficult."""

    label: int
    xmin: int
    ymin: int
    xmax: int
    ymax: int
    difficult: bool = False


class Picture(NamedTuple):
    stem: str
    width: int
    height: int
    things: list[Thing]


@st.composite
def pictures(draw: st.DrawFn) -> list[Picture]:
    """One to four pictures of at most 60 pixels, up to three objects each."""
    made = []
    for number in range(draw(st.integers(1, 4))):
        width, height = draw(st.integers(2, 60)), draw(st.integers(2, 60))
        things = []
        for _ in range(draw(st.integers(0, 3))):
            xmin, ymin = draw(st.integers(0, width - 1)), draw(st.integers(0, height - 1))
            xmax, ymax = draw(st.integers(xmin, width - 1)), draw(st.integers(ymin, height - 1))
            label = draw(st.integers(0, len(CLASSES) - 1))
            things.append(Thing(label, xmin, ymin, xmax, ymax, draw(st.booleans())))
        made.append(Picture(f"2008_{number:06}", width, height, things))
    return made


EXAMPLE = [
    Picture("2008_000000", 50, 40, [Thing(0, 0, 0, 9, 9), Thing(1, 5, 6, 49, 39, True)]),
    Picture("2008_000001", 60, 30, []),
    Picture("2008_000002", 20, 20, [Thing(2, 3, 4, 3, 4)]),
]


def xml(picture: Picture, name_of: Callable[[int], str], origin: int) -> str:
    """An annotation file; pixels counted from `origin`."""
    objects = "".join(
        f"<object><name>{name_of(thing.label)}</name><difficult>{int(thing.difficult)}</difficult>"
        f"<bndbox><xmin>{thing.xmin + origin}</xmin><xmax>{thing.xmax + origin}</xmax>"
        f"<ymin>{thing.ymin + origin}</ymin><ymax>{thing.ymax + origin}</ymax></bndbox></object>\n"
        for thing in picture.things
    )
    return (
        f"<annotation><filename>{picture.stem}.jpg</filename><size><width>{picture.width}</width>"
        f"<height>{picture.height}</height></size>\n{objects}</annotation>"
    )


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def write_voc(root: Path, made: list[Picture], split: str = "test") -> Path:
    for picture in made:
        text = xml(picture, lambda label: CLASSES[label], 1)
        write(root / "Annotations" / f"{picture.stem}.xml", text)
    stems = "".join(f"{picture.stem}\n" for picture in made)
    write(root / "ImageSets" / "Main" / f"{split}.txt", stems)
    return root


def write_ilsvrc(root: Path, made: list[Picture], split: str = "val") -> Path:
    """The kit's layout with three classes; images are numbered from 11 in tens."""
    kit = root / "ILSVRC"
    for picture in made:
        text = xml(picture, lambda label: WNIDS[label], 0)
        write(kit / "Annotations" / "DET" / split / f"{picture.stem}.xml", text)
    lines = [f"{picture.stem} {10 * number + 1}\n" for number, picture in enumerate(made, start=1)]
    write(kit / "ImageSets" / "DET" / f"{split}.txt", "".join(lines))
    rows = zip(WNIDS, range(1, 4), CLASSES, strict=True)
    synsets = [f"{wnid} {number} {name}\n" for wnid, number, name in rows]
    write(kit / "devkit" / "data" / "map_det.txt", "".join(synsets))
    return root


def write_yolo(root: Path, made: list[Picture]) -> Path:
    (root / "labels").mkdir(parents=True)
    for picture in made:
        lines = []
        for thing in picture.things:
            sides = (thing.xmax - thing.xmin + 1, thing.ymax - thing.ymin + 1)
            cx = (thing.xmin + sides[0] / 2) / picture.width
            cy = (thing.ymin + sides[1] / 2) / picture.height
            w, h = sides[0] / picture.width, sides[1] / picture.height
            lines.append(f"{thing.label} {cx!r} {cy!r} {w!r} {h!r}\n")
        if lines:
            write(root / "labels" / f"{picture.stem}.txt", "".join(lines))
        save_blank(root / "images" / f"{picture.stem}.png", picture)
    names = "".join(f"  {label}: {name}\n" for label, name in enumerate(CLASSES))
    write(root / "data.yaml", f"path: .\nnames:\n{names}")
    return root


def save_blank(path: Path, picture: Picture) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (picture.width, picture.height)).save(path)
