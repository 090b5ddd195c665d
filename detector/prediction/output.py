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
from detector.pictures.writing import refuse_to_draw_over, refuse_to_lose_pictures, save_picture
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
    from eval.formats.writing.labelled_image import LabelledImage

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
    boxes: list[LabelledImage] = field(default_factory=list)

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
            earlier = {os.path.abspath(path.parent / n) for n in files_of_earlier_run(path)}
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
        for name in names:
            target = self.folder / name
            if os.path.lexists(target) and os.path.abspath(target) not in earlier:
                raise DetectorError(
                    f"{printable(target)}: is not from the last run of `detect` here and would be "
                    "overwritten; move it away or give another --output"
                )

    def add(self, source: Source, detections: Detections) -> Path | None:
        """Write the files of one picture; returns the path of the drawing.

        Raises
        ------
        DetectorError, EvaluationError
            A file cannot be written; the picture is not counted then.
        """
        if self.folder is None:
            self.document.add(source.name, detections)
            return None
        drawing = self.folder / f"{source.stem}.jpg"
        drawn = detections.draw()
        refuse_to_draw_over(drawing)
        save_picture(drawn, drawing)
        crops = self._save_crops(source, detections) if self.crops else []
        if self.formats:
            self._save_boxes(source, detections)
        scale = drawn.shape[1] / detections.image_size[1]
        fields: dict[str, Any] = {"drawing": self._named_in_json(drawing)}
        if scale != 1:
            fields["drawing_scale"] = scale
        records = self.document.add(source.name, detections, **fields)
        for record, crop in zip(records, crops, strict=bool(crops)):
            record["crop"] = self._named_in_json(crop)
        return drawing

    def fail(self, source: Source, reason: str) -> None:
        """Record that a picture failed."""
        reason = reason.removeprefix(f"{printable(source.name)}: ")
        self.document.failures.append({"file_name": source.name, "reason": reason})

    def finish(self, class_names: Sequence[str], category_ids: Sequence[int | str]) -> None:
        """Write the files of the whole run.

        A run without results keeps the files of an earlier one; a pipe always gets its JSON.
        """
        document = self.document
        if self.folder is not None and self.boxes:
            save_run_boxes(self.formats, self.folder, self.boxes, class_names, category_ids)
            written = [self.folder / name for name in files_of_run(self.formats)]
            document.files += map(self._named_in_json, written)
        content = document.to_bytes(category_ids, class_names)
        if self.json == STANDARD_OUTPUT:
            show(content)
        elif document.images or not os.path.exists(self.json):
            write_file(Path(self.json), content)

    def _save_crops(self, source: Source, detections: Detections) -> list[Path]:
        """Write crops/CLASS/STEM-1.jpg, STEM-2.jpg, ... for the objects, best first."""
        assert self.folder is not None
        paths = []
        for number, (found, crop) in enumerate(
            zip(detections, detections.crops(), strict=True), start=1
        ):
            folder = self.folder / CROPS / _folder_name(found.name)
            paths.append(folder / f"{source.stem}-{number}.jpg")
            folder.mkdir(parents=True, exist_ok=True)
            refuse_to_draw_over(paths[-1])
            save_picture(crop, paths[-1])
        return paths

    def _save_boxes(self, source: Source, detections: Detections) -> None:
        assert self.folder is not None
        image = detections.to_labelled_image(source.name)
        for form in self.formats:
            if form in OF_PICTURES:
                target = self.folder / file_of_picture(form, source.stem)
                save_picture_boxes(form, target, image, detections.class_names)
                self.document.files.append(self._named_in_json(target))
        self.boxes.append(image)

    def _named_in_json(self, path: Path) -> str:
        """A path relative to the JSON's folder, or to the current one for standard output."""
        start = "." if self.json == STANDARD_OUTPUT else os.path.dirname(self.json) or "."
        return unicode_name(os.path.relpath(path, start))


def _folder_name(class_name: str) -> str:
    """A class name as the name of a folder."""
    letters = [letter if letter.isalnum() or letter in " _-.()" else "_" for letter in class_name]
    return "".join(letters).strip(" .") or "_"
