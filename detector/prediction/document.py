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
    from eval.formats.writing.labelled_image import LabelledImage

PROGRAM = "googlenet-rcnn detect"  # under "info", which distinguishes the file from other data sets


@dataclass
class Document:
    """The results of a run so far.

    Attributes
    ----------
    images
        The pictures with their detections.
    fields
        Fields of each picture beyond COCO's: the path and the scale of its drawing.
    crops
        The path of each detection's crop; empty if there are none.
    failures
        The file_name of each picture that failed, and the reason.
    files
        The files of boxes that this run and earlier ones wrote. A later run may overwrite these
        and no others.
    """

    images: list[LabelledImage] = field(default_factory=list)
    fields: list[dict[str, Any]] = field(default_factory=list)
    crops: list[str] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def to_bytes(self, class_names: Sequence[str], category_ids: Sequence[int | str]) -> bytes:
        """The JSON file."""
        import orjson

        from eval.formats.writing.coco import coco_dataset

        dataset = coco_dataset(self.images, class_names, category_ids)
        for record, more in zip(dataset["images"], self.fields, strict=True):
            record |= more
        for record, crop in zip(dataset["annotations"], self.crops, strict=bool(self.crops)):
            record["crop"] = crop
        info = {
            "program": PROGRAM,
            "version": __version__,
            "files": list(dict.fromkeys(self.files)),
        }
        content = {"info": info, **dataset, "failures": self.failures}
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
