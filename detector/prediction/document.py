"""detections.json: a COCO data set with a score on each annotation, and what became of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detector.errors import DetectorError
from detector.files.names import printable
from detector.version import __version__

if TYPE_CHECKING:
    from detector.results import Detections

PROGRAM = "googlenet-rcnn detect"  # under "info", which distinguishes the file from other data sets


@dataclass
class Document:
    """The records of a run so far.

    Attributes
    ----------
    images, annotations
        Records of COCO; an image has its drawing's path and scale too, an annotation its crop's
        path.
    failures
        The file_name of each picture that failed, and the reason.
    files
        The files of boxes that were written. A later run may overwrite these and no others.
    """

    images: list[dict[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def add(self, name: str, detections: Detections, **more: Any) -> list[dict[str, Any]]:
        """Add one picture with further fields; returns the records of its annotations."""
        image_id = len(self.images) + 1
        height, width = detections.image_size
        self.images.append(
            {"id": image_id, "file_name": name, "height": height, "width": width, **more}
        )
        records = []
        for row in detections.to_coco(image_id):
            area = round(row["bbox"][2] * row["bbox"][3], 3)
            identity = len(self.annotations) + 1  # from 1: in pycocotools 0 means no match
            records.append({"id": identity, **row, "area": area, "iscrowd": 0})
            self.annotations.append(records[-1])
        return records

    def to_bytes(self, category_ids: Sequence[int | str], class_names: Sequence[str]) -> bytes:
        """The JSON file."""
        import orjson

        content = {
            "info": {"program": PROGRAM, "version": __version__, "files": self.files},
            "images": self.images,
            "annotations": self.annotations,
            "categories": [
                {"id": identity, "name": name}
                for identity, name in zip(category_ids, class_names, strict=True)
            ],
            "failures": self.failures,
        }
        return orjson.dumps(content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def files_of_earlier_run(path: Path) -> list[str]:
    """The files of boxes that an earlier run wrote, by its JSON; none if there is no such file.

    Raises
    ------
    DetectorError
        The file at `path` is not of this program, and would be overwritten.
    """
    import orjson

    if not path.is_file() or not path.stat().st_size:
        return []
    try:
        info = orjson.loads(path.read_bytes())["info"]
        if info["program"] == PROGRAM:
            return [str(name) for name in info["files"]]
    except (ValueError, KeyError, TypeError):  # no JSON, or another document
        pass
    raise DetectorError(
        f"{printable(path)}: was not written by `detect` and would be overwritten; move it away, "
        "or give another --output or --json"
    )
