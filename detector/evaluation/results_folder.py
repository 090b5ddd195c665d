"""A run of the detector over a data set, kept on disk image by image: it survives `kill -9`.

run.json          what decides the results, written before any of them
detections.jsonl  a line an image: image_id, seconds, sha256 of its file, proposals and regions
                  (how many), other_sides where it has not those its data set says, detections
                  (COCO results)
objects.jsonl     a line an image, in the same order: image_id, what became of its objects
failed.jsonl      pictures that could not be read; the next run tries them again

Every line goes out in one write, that of objects.jsonl first. A process that is killed leaves at
most the last line torn, or one file a line ahead of the other; going on cuts both to the lines
that both have, and the image in between is done again.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import orjson

from detector.errors import DetectorError
from detector.files.locking import lock
from detector.files.whole_files import write_file
from detector.pictures.finding import printable
from proposals.whole_files import replacing

Identity: TypeAlias = "int | str"
REMEDY = "give another --output, or --restart to begin anew"


class Totals(NamedTuple):
    """Sums over images."""

    seconds: float
    proposals: float
    regions: float  # those proposals that the classifier saw
    other_sides: float  # pictures that have not the sides their data set says


class RunFolder:
    """The folder of one run, locked while it is open.

    Parameters
    ----------
    folder
        Made where it does not exist; a run found there is continued.
    settings
        Plain values by name: all that decides the results. Another run's are refused.
    about
        What else run.json tells: versions, paths. Not compared.
    traced
        Whether there is an objects.jsonl.
    restart
        Throw away what is there.

    Raises
    ------
    DetectorError
        Another process is at work there, or the run there has other settings.

    Attributes
    ----------
    about
        That of the process that began the run.
    """

    def __init__(
        self,
        folder: Path,
        settings: dict[str, Any],
        about: dict[str, Any] | None = None,
        *,
        traced: bool = False,
        restart: bool = False,
    ) -> None:
        self.folder = folder
        self.detections, self.objects = folder / "detections.jsonl", folder / "objects.jsonl"
        self.failures = folder / "failed.jsonl"
        folder.mkdir(parents=True, exist_ok=True)
        self._main = _open(self.detections)
        self._traces: int | None = None
        self._places: dict[Identity, int] = {}  # image_id -> where its line begins
        try:
            lock(self._main, folder)
            if restart:
                self._empty()
            self.about = self._begin(settings, about or {})
            if traced:
                self._traces = _open(self.objects)
            self._end = self._read_places()
            self.failures.unlink(missing_ok=True)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> RunFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the folder."""
        for file in (self._main, self._traces):
            if file is not None:
                os.close(file)

    def __contains__(self, image_id: Identity) -> bool:
        return image_id in self._places

    def __len__(self) -> int:
        return len(self._places)

    def add(
        self,
        image_id: Identity,
        seconds: float,
        rows: list[dict[str, Any]],
        traces: dict[str, list[float]] | None = None,
        more: Mapping[str, int | str] | None = None,
    ) -> None:
        """Note an image's detections, its objects' traces in a run that has them, and more."""
        if self._traces is not None:
            _append(self._traces, {"image_id": image_id, **(traces or {})})
        about = {"image_id": image_id, "seconds": round(seconds, 4), **(more or {})}
        line = {**about, "detections": rows}
        length = _append(self._main, line)
        self._places[image_id] = self._end
        self._end += length

    def add_failure(self, image_id: Identity, file_name: str, reason: str) -> None:
        """Note a picture that could not be read."""
        file = _open(self.failures)
        try:
            _append(file, {"image_id": image_id, "file_name": file_name, "reason": reason})
        finally:
            os.close(file)

    def lines(self, image_ids: Iterable[Identity]) -> Iterator[dict[str, Any]]:
        """The lines of these images, in this order, of those that are done."""
        with self.detections.open("rb") as file:
            for image_id in image_ids:
                if image_id in self._places:
                    file.seek(self._places[image_id])
                    yield orjson.loads(file.readline())

    def write_results(self, image_ids: Iterable[Identity]) -> tuple[Path, Totals]:
        """Write detections.json, COCO results of these images in this order.

        Returns
        -------
        Its path, and the sums over all the images. No times are in it: it depends on the
        detector and the images alone.
        """
        path, between = self.folder / "detections.json", b""
        totals = dict.fromkeys(Totals._fields, 0.0)
        with replacing(path) as temporary, temporary.open("wb") as file:
            file.write(b"[")
            for line in self.lines(image_ids):
                for name in totals:
                    totals[name] += line.get(name, 0)
                if line["detections"]:
                    file.write(between + orjson.dumps(line["detections"])[1:-1])
                    between = b","
            file.write(b"]\n")
        return path, Totals(**totals)

    def _empty(self) -> None:
        os.ftruncate(self._main, 0)
        for name in ("objects.jsonl", "run.json", "detections.json", "report.json"):
            (self.folder / name).unlink(missing_ok=True)

    def _begin(self, settings: dict[str, Any], about: dict[str, Any]) -> dict[str, Any]:
        """Write run.json, or hold it against the settings of now; what else stands in it."""
        path, where = self.folder / "run.json", printable(self.folder)
        settings = orjson.loads(orjson.dumps(settings))  # tuples become lists, as in the file
        try:
            content = orjson.loads(path.read_bytes())
            before = dict(content.pop("settings"))
        except FileNotFoundError:
            if os.fstat(self._main).st_size:
                raise DetectorError(
                    f"{where}: holds detections but no run.json that says whose; {REMEDY}"
                ) from None
            document = orjson.dumps({"settings": settings, **about}, option=orjson.OPT_INDENT_2)
            write_file(path, document + b"\n")
            return about
        except (ValueError, KeyError, TypeError, AttributeError):
            raise DetectorError(f"{printable(path)}: describes no run; {REMEDY}") from None
        names = [*settings, *(name for name in before if name not in settings)]
        changed = [
            f"{name} {_short(before.get(name))} (now {_short(settings.get(name))})"
            for name in names
            if before.get(name) != settings.get(name)
        ]
        if changed:
            raise DetectorError(f"{where}: begun with {', '.join(changed)}; {REMEDY}")
        return content

    def _read_places(self) -> int:
        """Find the images that are done, cut off what is not whole; where the next line begins."""
        files = {self._main: self.detections}
        if self._traces is not None:
            files[self._traces] = self.objects
        ends = [0] * len(files)
        for together in zip(*map(_whole_lines, files.values()), strict=False):
            if len({line.image_id for line in together}) > 1:
                break
            self._places[together[0].image_id] = together[0].begin
            ends = [line.end for line in together]
        for file, end in zip(files, ends, strict=True):
            os.ftruncate(file, end)
        return ends[0]


class _Line(NamedTuple):
    begin: int
    end: int
    image_id: Identity


def _whole_lines(path: Path) -> Iterator[_Line]:
    """The lines of a file, without a last one that was cut off half-way."""
    begin = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                yield _Line(begin, begin + len(line), orjson.loads(line)["image_id"])
            except (ValueError, KeyError, TypeError):
                raise DetectorError(
                    f"{printable(path)}: line {number} is not an image's; {REMEDY}"
                ) from None
            begin += len(line)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)


def _append(file: int, content: dict[str, Any]) -> int:
    line = orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)
    if os.write(file, line) < len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "disk")
    return len(line)


def _short(value: Any) -> str:
    """A setting in an error message: long ones, which are hashes, by their first letters."""
    text = "missing" if value is None else str(value)
    return text if len(text) <= 24 else f"{text[:8]}..."
