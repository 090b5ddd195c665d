"""The folder of a batch run: files of whole parts, and _run.json, which says what decided them.

_run.json                       the settings; only a run with the same ones continues
part-00003-of-00016.parquet     the results of a part of the pictures, a row each, in their order

A part appears whole or not at all, so that after a crash the missing files are the missing work.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from detector.batch.schema import RESULTS, Row, failures_in, table_of, write_table
from detector.files.run_file import begin_run
from proposals.whole_files import replacing

RUN_FILE = "_run.json"  # readers of Parquet folders skip names that begin with _


class BatchFolder:
    """Results of `count` pictures in parts of `size`, in a folder that this process has locked.

    Parameters
    ----------
    folder
        Created if missing; a run found there is continued.
    settings
        Everything that decides the results; see begin_run.
    about
        Other content of _run.json.
    form
        "parquet" or "jsonl".
    restart
        Discard what is there.

    The attribute `about` is that of the process that began the run.
    """

    def __init__(
        self,
        folder: Path,
        settings: dict[str, Any],
        about: dict[str, Any],
        *,
        count: int,
        size: int,
        form: str,
        restart: bool = False,
    ) -> None:
        self.folder, self.count, self.size, self.form = folder, count, size, form
        if restart:
            (folder / RUN_FILE).unlink(missing_ok=True)
            for path in self._files():
                path.unlink()
        settings = {**settings, "pictures": count, "per_file": size, "format": form}
        has_results = any(self._files())
        self.about = begin_run(folder / RUN_FILE, settings, about, has_results=has_results)
        for torn in folder.glob(".*.tmp"):  # of a process that was killed while it wrote
            torn.unlink()
        self.parts = range(-(-count // size))
        self.done = {part for part in self.parts if self.path(part).is_file()}
        self.failed = {part: failures_in(self.path(part)) for part in sorted(self.done)}

    def path(self, part: int) -> Path:
        """The file of a part."""
        return self.folder / f"part-{part:05}-of-{len(self.parts):05}.{self.form}"

    def pictures(self, part: int) -> range:
        """The numbers of a part's pictures."""
        return range(part * self.size, min((part + 1) * self.size, self.count))

    def pictures_done(self) -> int:
        """How many pictures are in finished parts."""
        return sum(len(self.pictures(part)) for part in self.done)

    def forget_failed(self) -> None:
        """Take the parts with failures for missing; a file stays until its part is done again."""
        for part in [part for part, failures in self.failed.items() if failures]:
            self.done.remove(part)
            del self.failed[part]

    def write(self, part: int, rows: Sequence[Row]) -> None:
        """Write the results of a part's pictures, in their order."""
        assert len(rows) == len(self.pictures(part))
        with replacing(self.path(part)) as temporary:
            write_table(table_of(rows, RESULTS), temporary, self.form)
        self.done.add(part)
        self.failed[part] = sum(row.get("failure") is not None for row in rows)

    def _files(self) -> list[Path]:
        return [
            path for form in ("parquet", "jsonl") for path in self.folder.glob(f"part-*.{form}")
        ]
