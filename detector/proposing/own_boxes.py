"""Boxes that the user brings in place of proposals, found by a picture's name."""

from __future__ import annotations

import os
from pathlib import Path

from detector.errors import DetectorError
from detector.files.digests import picture_has_changed
from detector.files.names import printable, unicode_name
from detector.given_boxes import Floats
from detector.proposing.box_files import PictureRecord, read_box_file


class OwnBoxes:
    """The boxes of a file for one picture after the other.

    A record belongs to a picture if it has the picture's path in any spelling, or its file name;
    in a .mat file the suffix is left out.

    Parameters
    ----------
    path
        See `read_box_file`, also for errors.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._without_suffix = path.suffix.lower() == ".mat"
        self._records: dict[str, PictureRecord] = {}
        records = read_box_file(path)
        for record in records:
            self._records[os.path.normpath(record.name)] = record
        for record in records:  # the exact spelling comes before others of the same path
            self._records[record.name] = record

    def __call__(self, picture: Path) -> Floats:
        """The boxes (N, 4) of a picture.

        Raises
        ------
        DetectorError
            There are none, or they were found in another picture of the same name.
        """
        record = self._find(picture)
        if record is None:
            raise DetectorError(
                f"{printable(self.path)}: no boxes for {printable(picture.name)}; add them under "
                "its path or name"
            )
        if picture_has_changed(picture, record.sha256):
            raise DetectorError(
                f"{printable(self.path)}: the boxes for {printable(picture.name)} belong to "
                "another picture of that name, or to an earlier state of this one; run "
                "`detect propose` for it"
            )
        return record.boxes_xyxy

    def _find(self, picture: Path) -> PictureRecord | None:
        paths = [picture, picture.with_suffix("")] if self._without_suffix else [picture]
        for path in paths:
            name = unicode_name(path)
            for key in (name, os.path.normpath(name), unicode_name(path.name)):
                if key in self._records:
                    return self._records[key]
        return None
