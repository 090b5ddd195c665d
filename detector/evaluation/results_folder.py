"""The results of a detector over a data set, written image by image: they survive `kill -9`.

run.json          the settings that decide the results, written before them
detections.jsonl  a line per image: image_id, seconds, sha256 of its file, number of proposals and
                  regions, other_sides (1 if its size differs from the data set's), detections
                  (COCO results)
objects.jsonl     a line per image, in the same order: image_id, traces of its objects
failed.jsonl      unreadable pictures; the next run tries them again

Every line is one write, that of objects.jsonl first. A killed process leaves at most the last line
torn, or one file a line ahead of the other. The next run cuts both files to the lines that both
have, and repeats the image after them.
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
from detector.files.names import printable
from detector.files.run_file import REMEDY, begin_run
from proposals.whole_files import replacing

Identity: TypeAlias = "int | str"


class Totals(NamedTuple):
    """Sums over images."""

    seconds: float
    proposals: float
    regions: float  # proposals that were classified
    other_sides: float  # pictures whose size differs from the data set's


class ResultsFolder:
    """The folder of one run, locked while it is open.

    Parameters
    ----------
    folder
        Created if missing; a run found there is continued.
    settings
        Everything that decides the results, plain values by name. A run with other settings is
        rejected.
    about
        Other content of run.json, such as versions and paths, which is not compared. As an
        attribute it is that of the process that began the run.
    traced
        Whether to write objects.jsonl.
    restart
        Discard what is there.

    Raises
    ------
    DetectorError
        Another process is at work there, or the run there has other settings.
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
            self.about = begin_run(
                folder / "run.json",
                settings,
                about or {},
                has_results=os.fstat(self._main).st_size > 0,
            )
            if traced:
                self._traces = _open(self.objects)
            self._end = self._read_places()
            self.failures.unlink(missing_ok=True)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> ResultsFolder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the folder."""
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
        """Write an image's detections, the traces of its objects if the run has them, and more."""
        if self._traces is not None:
            _append(self._traces, {"image_id": image_id, **(traces or {})})
        about = {"image_id": image_id, "seconds": round(seconds, 4), **(more or {})}
        line = {**about, "detections": rows}
        length = _append(self._main, line)
        self._places[image_id] = self._end
        self._end += length

    def add_failure(self, image_id: Identity, file_name: str, reason: str) -> None:
        """Write down an unreadable picture."""
        file = _open(self.failures)
        try:
            _append(file, {"image_id": image_id, "file_name": file_name, "reason": reason})
        finally:
            os.close(file)

    def lines(self, image_ids: Iterable[Identity]) -> Iterator[dict[str, Any]]:
        """The lines of these images in this order; images that are not done are skipped."""
        with self.detections.open("rb") as file:
            for image_id in image_ids:
                if image_id in self._places:
                    file.seek(self._places[image_id])
                    yield orjson.loads(file.readline())

    def write_results(self, image_ids: Iterable[Identity]) -> tuple[Path, Totals]:
        """Write the COCO results of these images in this order, without times.

        Returns the path of the file, detections.json, and the sums over all these images.
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

    def _read_places(self) -> int:
        """Find the images that are done and cut incomplete lines; returns where the next begins."""
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
    """The lines of a file, except for a last one that is incomplete."""
    begin = 0
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                yield _Line(begin, begin + len(line), orjson.loads(line)["image_id"])
            except (ValueError, KeyError, TypeError):
                raise DetectorError(
                    f"{printable(path)}: line {number} is not the result of an image; {REMEDY}"
                ) from None
            begin += len(line)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)


def _append(file: int, content: dict[str, Any]) -> int:
    line = orjson.dumps(content, option=orjson.OPT_APPEND_NEWLINE)
    if os.write(file, line) < len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "disk")
    return len(line)
