"""Notes on detections as a whole: repetitions and ties."""

from __future__ import annotations

import numpy as np

from eval.detections import DetectionTable
from eval.notes.suspicions import about_ties


def made(count: int, repeated: int, scores: int) -> DetectionTable:
    """Detections in random order, `repeated` of which equal another one."""
    random = np.random.default_rng(count + repeated)
    rows = random.permutation(np.r_[np.arange(count - repeated), np.arange(repeated)])
    return DetectionTable(
        images=(rows // 100).astype(np.int32),
        labels=(rows % 3).astype(np.int32),
        boxes=np.stack([rows % 7, rows % 11, rows % 100, rows], axis=1).astype(float),
        scores=rows % scores / scores,
    )


def repetitions(table: DetectionTable) -> list[str]:
    return [note for note in about_ties(len(table) // 10, table) if "repeat" in note]


def test_repeated_detections_are_counted_small_and_large() -> None:
    for count in (1000, 60_000):
        table = made(count, count // 50, 10)
        (note,) = repetitions(table)
        assert note.startswith(f"{count // 50:,} detections repeat another one")
        assert repetitions(made(count, count // 200, 10)) == []
        assert about_ties(0, table) == ()
