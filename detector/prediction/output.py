"""What a run writes: drawings, crops, files of boxes and detections.json."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detector.console import show
from detector.errors import DetectorError
from detector.files.names import printable, unicode_name
from detector.files.whole_files import write_file
from detector.pictures.writing import refuse_to_lose_pictures, save_picture
from detector.prediction.document import Document, files_of_earlier_run
from detector.prediction.saved_formats import (
    OF_PICTURES,
    file_of_picture,
    files_of_run,
    save_picture_boxes,
    save_run_boxes,
)
from detector.prediction.sources import Source

if TYPE_CHECKING:
    from detector.results import Detections

STANDARD_OUTPUT = "-"
CROPS = "crops"


@dataclass
class Output:
    """The files of a run. Those of one picture are written at once, the others by `finish`.

    Attributes
    ----------
    folder
        Where pictures are drawn, and all other files but the JSON go; None draws none.
    json
        Path of the JSON; "-" is standard output.
    formats
        Further files of boxes: names of `saved_formats.FORMATS`. They need a folder.
    crops
        Whether each object is cut out into a file of its own, which needs a folder.
    """

    folder: Path | None
    json: str
    formats: Sequence[str] = ()
    crops: bool = False
    document: Document = field(default_factory=Document)

    def check(self, sources: Sequence[Source]) -> None:
        """Refuse a run that would overwrite a photograph or another file of the user's.

        Raises
        ------
        DetectorError
            The message names the file.
        """
        earlier: set[str] = set()
        if self.json != STANDARD_OUTPUT:
            path = Path(self.json)
            names = [n for n in files_of_earlier_run(path) if os.path.lexists(path.parent / n)]
            earlier = {os.path.abspath(path.parent / name) for name in names}
            self.document.files += names  # a run with other options does not forget them
        if self.folder is None:
            return
        drawings = [self.folder / f"{source.stem}.jpg" for source in sources]
        refuse_to_lose_pictures(drawings, [source.path for source in sources if source.path])
        names = files_of_run(self.formats)
        names += [
            file_of_picture(form, source.stem)
            for form in self.formats
            if form in OF_PICTURES
            for source in sources
        ]
        targets = [self.folder / name for name in names]
        if os.path.realpath(self.json) in map(os.path.realpath, (*drawings, *targets)):
            raise DetectorError(
                f"--json {printable(self.json)}: a drawing or --save-as writes that file too; "
                "give another name"
            )
        for target in targets:
            if os.path.lexists(target) and os.path.abspath(target) not in earlier:
                raise DetectorError(
                    f"{printable(target)}: no earlier run of `detect` here lists it, and it would "
                    "be overwritten; move it away or give another --output"
                )

    def add(self, source: Source, detections: Detections) -> Path | None:
        """Write the files of one picture; returns the path of the drawing.

        Raises
        ------
        DetectorError, EvaluationError
            A file cannot be written; the picture is not counted then.
        """
        image = detections.to_labelled_image(source.name)
        drawing, fields, crops = None, dict[str, Any](), list[str]()
        if self.folder is not None:
            drawing = self.folder / f"{source.stem}.jpg"
            drawn = detections.draw()
            save_picture(drawn, drawing)
            fields["drawing"] = self._named_in_json(drawing)
            if (scale := drawn.shape[1] / image.width) != 1:
                fields["drawing_scale"] = scale
            if self.crops:
                crops = self._save_crops(self.folder / CROPS, source.stem, detections)
            for form in self.formats:
                if form in OF_PICTURES:
                    target = self.folder / file_of_picture(form, source.stem)
                    save_picture_boxes(form, target, image, detections.class_names)
                    self.document.files.append(self._named_in_json(target))
        self.document.images.append(image)
        self.document.fields.append(fields)
        self.document.crops += crops
        return drawing

    def fail(self, source: Source, reason: str) -> None:
        """Record that a picture failed."""
        reason = reason.removeprefix(f"{printable(source.name)}: ")
        self.document.failures.append({"file_name": source.name, "reason": reason})

    def finish(self, class_names: Sequence[str], category_ids: Sequence[int | str]) -> None:
        """Write the files of the whole run, the JSON first.

        A run without results keeps the files of an earlier one; a pipe always gets its JSON.
        """
        document = self.document
        folder = self.folder if document.images else None
        if folder is not None:
            planned = [folder / name for name in files_of_run(self.formats)]
            document.files += map(self._named_in_json, planned)
        content = document.to_bytes(class_names, category_ids)
        if self.json == STANDARD_OUTPUT:
            show(content)
        elif document.images or not os.path.exists(self.json):
            write_file(Path(self.json), content)
        if folder is not None:
            images = document.images
            save_run_boxes(self.formats, folder, images, class_names, category_ids)

    def _save_crops(self, folder: Path, stem: str, detections: Detections) -> list[str]:
        """Write CLASS/STEM-1.jpg, STEM-2.jpg, ... for the objects, best first."""
        names = []
        pairs = zip(detections, detections.crops(), strict=True)
        for number, (found, crop) in enumerate(pairs, start=1):
            path = folder / _folder_name(found.name) / f"{stem}-{number}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            save_picture(crop, path)
            names.append(self._named_in_json(path))
        return names

    def _named_in_json(self, path: Path) -> str:
        """A path relative to the JSON's folder, or to the current one for standard output."""
        start = "." if self.json == STANDARD_OUTPUT else os.path.dirname(self.json) or "."
        return unicode_name(os.path.relpath(path, start))


def _folder_name(class_name: str) -> str:
    """A class name as the name of a folder."""
    letters = [letter if letter.isalnum() or letter in " _-.()" else "_" for letter in class_name]
    return "".join(letters).strip(" .") or "_"
