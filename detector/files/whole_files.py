"""What `detect` leaves behind: pictures with boxes and one detections.json."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detector.errors import DetectorError
from detector.pictures.finding import printable, refuse_to_draw_over, unicode_name

if TYPE_CHECKING:
    from detector.pipeline import Detector
    from detector.results import Detections


@dataclass
class Output:
    """What a run has found so far; written at the end, also of an interrupted run."""

    folder: Path | None
    json: str
    images: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def add(self, path: Path, detections: Detections) -> Path | None:
        """Draw one picture into the folder, if there is one, then note its detections."""
        drawn = self._draw(path, detections)  # first: what cannot be saved is not noted as done
        image_id = len(self.images) + 1
        height, width = detections.image_size
        self.images.append(
            {"id": image_id, "file_name": unicode_name(path), "height": height, "width": width}
        )
        for row in detections.to_coco(image_id):
            area = round(row["bbox"][2] * row["bbox"][3], 3)
            identity = len(self.annotations) + 1  # pycocotools takes 0 for no match
            self.annotations.append({"id": identity, **row, "area": area, "iscrowd": 0})
        return drawn

    def _draw(self, path: Path, detections: Detections) -> Path | None:
        if self.folder is None:
            return None
        name, copy = path.stem, 1
        while name in self.taken:  # a/street.jpg and b/street.jpg
            copy += 1
            name = f"{path.stem}-{copy}"
        drawn = self.folder / f"{name}.jpg"
        refuse_to_draw_over(drawn)
        detections.save(drawn)
        self.taken.add(name)
        return drawn

    def write_json(self, detector: Detector) -> None:
        """Write COCO results with the images and categories they speak of: a COCO data set too."""
        import orjson

        info = detector.info
        categories = [
            {"id": identity, "name": name}
            for identity, name in zip(info.category_ids, info.class_names, strict=True)
        ]
        content = orjson.dumps(
            {"images": self.images, "annotations": self.annotations, "categories": categories},
            option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE,
        )
        if self.json == "-":
            sys.stdout.buffer.write(content)
            sys.stdout.flush()
            return
        write_file(Path(self.json), content)


def write_file(target: Path, content: bytes) -> None:
    """Write a whole file, and the folder it lies in, or nothing.

    What a link leads to is written, and the link stays. A device or pipe is written to as it is.
    """
    from proposals.whole_files import replacing

    if target.exists() and not target.is_file():
        target.write_bytes(content)
        return
    target = Path(os.path.realpath(target))
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with replacing(target) as temporary:
            temporary.write_bytes(content)
    except OSError as error:
        error.filename = str(target)  # the temporary file's name says nothing to anybody
        raise


def check_writable(target: Path, option: str = "") -> None:
    """Refuse before the work begins what `write_file` could not write at its end.

    Raises
    ------
    DetectorError
        A folder, or a file in a folder that is none or may not be written to.
    """
    name = f"{option} {printable(target)}".strip()
    if target.is_dir():
        raise DetectorError(f"{name}: a folder; name a file in it")
    if target.exists() and not target.is_file():
        return
    folder = Path(os.path.realpath(target)).parent
    while not folder.exists():
        folder = folder.parent
    where = printable(folder)
    if not folder.is_dir():
        raise DetectorError(f"{name}: {where} is a file, not a folder; name another place")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise DetectorError(f"{name}: the folder {where} may not be written to; name another place")
