"""The files of `detect propose`: one file of JSON lines, or one .npz per picture.

Both kinds list the pictures that they hold, so that an interrupted run continues after them.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from detector.errors import DetectorError
from detector.files.names import printable, unique_stem
from detector.files.whole_files import write_file
from detector.pictures.dataset_folder import Size
from proposals.result import Proposals

# Errors of numpy.load and of its archives for damaged files
DAMAGED = (OSError, ValueError, KeyError, EOFError, zlib.error, zipfile.BadZipFile)


class Picture(NamedTuple):
    """A picture to propose for."""

    path: Path
    file_name: str  # in the output
    image_id: int | str | None = None
    size: Size | None = None  # that its data set states
    stem: str = ""  # of its own files, different for every picture of a folder


def unique_stems(names: Iterable[str], taken: Mapping[str, str]) -> dict[str, str]:
    """A stem for every file_name: street, street-2, ...; pictures in `taken` keep theirs."""
    stems, used = dict(taken), set(taken.values())
    for name in names:
        if name in stems:
            continue
        stems[name] = unique_stem(name, used)
        used.add(stems[name])
    return stems


class PictureBoxes(NamedTuple):
    """The boxes of one picture."""

    height: int
    width: int
    proposals: Proposals
    sha256: str | None  # of the picture's file


class BoxStore(Protocol):
    """Either kind of output.

    Attributes
    ----------
    path
        The file, or the folder.
    stems, digests
        By file_name, of the pictures that it holds; a picture from a pipe has no digest.
    """

    path: Path
    stems: dict[str, str]
    digests: dict[str, str]

    def __contains__(self, picture: Picture) -> bool: ...

    def add(self, picture: Picture, result: PictureBoxes) -> None: ...

    def load(self, picture: Picture) -> PictureBoxes: ...


class JsonLines:
    """One JSON object per line and picture: boxes rounded to 0.01 pixel, scores to 1e-6.

    Parameters
    ----------
    path
        Continued if it exists; an incomplete last line is dropped.

    Raises
    ------
    DetectorError
        A line does not hold the boxes of a picture.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._places: dict[str, int] = {}  # file_name -> where its line begins
        self.stems: dict[str, str] = {}
        self.digests: dict[str, str] = {}
        if path.exists():
            self._read_places()

    def __contains__(self, picture: Picture) -> bool:
        return picture.file_name in self._places

    def add(self, picture: Picture, result: PictureBoxes) -> None:
        import orjson

        proposals = result.proposals
        row: dict[str, Any] = {"file_name": picture.file_name, "stem": picture.stem}
        if picture.image_id is not None:
            row["image_id"] = picture.image_id
        row |= {
            "sha256": result.sha256,
            "height": result.height,
            "width": result.width,
            "boxes_xyxy": proposals.boxes_xyxy.astype(np.float64).round(2).tolist(),
            "scores": proposals.scores.astype(np.float64).round(6).tolist(),
            "source": proposals.source.tolist(),
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            self._places[picture.file_name] = file.tell()
            file.write(orjson.dumps(row) + b"\n")
        self.stems[picture.file_name] = picture.stem

    def load(self, picture: Picture) -> PictureBoxes:
        import orjson

        with self.path.open("rb") as file:
            file.seek(self._places[picture.file_name])
            row = orjson.loads(file.readline())
        try:
            proposals = Proposals(
                np.array(row["boxes_xyxy"], np.float32).reshape(-1, 4),
                np.array(row["scores"], np.float32),
                np.array(row["source"], np.str_),
            )
            return PictureBoxes(row["height"], row["width"], proposals, row["sha256"])
        except (ValueError, KeyError, TypeError) as error:
            raise DetectorError(
                f"{printable(self.path)}: the line of {printable(picture.file_name)} is damaged "
                f"({error!r:.80}); move the file away or give another --output"
            ) from None

    def _read_places(self) -> None:
        import orjson

        place = 0
        with self.path.open("r+b") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    file.truncate(place)
                    break
                try:
                    row = orjson.loads(line)
                    name = row["file_name"]
                    self._places[name] = place
                    self.stems[name] = row["stem"]
                    if row["sha256"]:
                        self.digests[name] = row["sha256"]
                except (ValueError, KeyError, TypeError):
                    raise DetectorError(
                        f"{printable(self.path)}: line {number} does not hold the boxes of a "
                        "picture; move the file away or give another --output"
                    ) from None
                place += len(line)


class NpzFolder:
    """One .npz per picture, written whole or not at all; `numpy.load` reads it without pickles.

    It holds boxes_xyxy (N, 4) float32, scores (N,) float32, source (N,) str, file_name, sha256 of
    the picture's file, height, width, and, for a picture of a data set, image_id.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stems: dict[str, str] = {}
        self.digests: dict[str, str] = {}
        for file in path.glob("*.npz"):
            try:
                with np.load(file, allow_pickle=False) as content:
                    name, digest = str(content["file_name"]), str(content["sha256"])
                self.stems[name] = file.stem
                if digest:
                    self.digests[name] = digest
            except DAMAGED:
                continue  # it is damaged, and will be computed again

    def __contains__(self, picture: Picture) -> bool:
        return picture.file_name in self.stems

    def add(self, picture: Picture, result: PictureBoxes) -> None:
        arrays: dict[str, Any] = {
            "boxes_xyxy": result.proposals.boxes_xyxy,
            "scores": result.proposals.scores,
            "source": result.proposals.source,
            "file_name": np.array(picture.file_name),
            "sha256": np.array(result.sha256 or ""),
            "height": np.array(result.height),
            "width": np.array(result.width),
        }
        if picture.image_id is not None:
            arrays["image_id"] = np.array(picture.image_id)
        content = io.BytesIO()
        np.savez_compressed(content, **arrays)
        write_file(self._path(picture), content.getvalue())
        self.stems[picture.file_name] = picture.stem

    def load(self, picture: Picture) -> PictureBoxes:
        path = self._path(picture)
        try:
            with np.load(path, allow_pickle=False) as content:
                proposals = Proposals(content["boxes_xyxy"], content["scores"], content["source"])
                height, width = int(content["height"]), int(content["width"])
        except DAMAGED as error:
            raise DetectorError(
                f"{printable(path)}: damaged ({error!r:.80}); delete it and run the command again"
            ) from None
        return PictureBoxes(height, width, proposals, self.digests.get(picture.file_name))

    def _path(self, picture: Picture) -> Path:
        return self.path / f"{picture.stem}.npz"
