"""Lines of YOLO results with tracks, polygons, rotated boxes and keypoints."""

from __future__ import annotations

from pathlib import Path

import pytest

from eval import EvaluationError, read_detections
from tests.eval.formats.results.small import dataset
from tests.eval.made_formats import write

BOXES = [[10, 10, 100, 100], [150, 50, 80, 60]]
PLACES = ["0.1875 0.25 0.3125 0.4166667", "0.59375 0.3333333 0.25 0.25"]
# The corners of both boxes, in fractions
POINTS = [
    ".03125 .0416667 .34375 .0416667 .34375 .4583333 .03125 .4583333",
    ".46875 .2083333 .71875 .2083333 .71875 .4583333 .46875 .4583333",
]
TWO = [" .2 .3 .1 .2 .3 .4", " .5 .3 .6 .35 .65 .4"]  # three keypoints in each box
THREE = [" .2 .3 .9 .1 .2 .8 .3 .4 .7", " .5 .3 .9 .6 .35 .8 .65 .4 .7"]
FOUR = [" .2 .3 .9 .1 .2 .8 .3 .4 .7 .2 .2 .6", " .5 .3 .9 .6 .35 .8 .65 .4 .7 .6 .4 .6"]
KINDS = {
    "plain": (PLACES, ""),
    "track": (PLACES, " 17"),
    "corners": (POINTS, ""),
    "corners and track": (POINTS, " 17"),
    "keypoints x y": ([a + b for a, b in zip(PLACES, TWO, strict=True)], ""),
    "keypoints x y visibility": ([a + b for a, b in zip(PLACES, THREE, strict=True)], ""),
    "an even number of them": ([a + b for a, b in zip(PLACES, FOUR, strict=True)], ""),
    "keypoints and track": ([a + b for a, b in zip(PLACES, TWO, strict=True)], " 3"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_more_columns_leave_box_and_confidence(tmp_path: Path, kind: str) -> None:
    places, track = KINDS[kind]
    lines = [f"{i} {place} {0.9 - i / 10}{track}" for i, place in enumerate(places)]
    write(tmp_path / "run" / "a.txt", "\n".join(lines))
    table = read_detections(tmp_path / "run", dataset())
    for box, expected in zip(table.boxes_xywh.tolist(), BOXES, strict=True):
        assert box == pytest.approx(expected, abs=0.01)
    assert table.scores.tolist() == [0.9, 0.8] and table.labels.tolist() == [0, 1]
    posed = "keypoints" in kind or "even" in kind
    assert any(n == "2 lines read as a box and its keypoints" for n in table.notes) == posed


@pytest.mark.parametrize(
    ("line", "count"),
    [
        (f"0 {PLACES[0]}", 5),  # saved without confidences
        (f"0 {PLACES[0]} .9 .5", 7),  # the seventh is no track
        (f"0 {POINTS[0]}", 9),  # a polygon without confidence
    ],
)
def test_other_columns_are_refused(tmp_path: Path, line: str, count: int) -> None:
    write(tmp_path / "run" / "a.txt", line + "\n")
    with pytest.raises(EvaluationError, match=f"{count} columns; expected 6: class cx cy w h conf"):
        read_detections(tmp_path / "run", dataset())
