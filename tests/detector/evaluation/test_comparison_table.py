"""Two reports in one table."""

from __future__ import annotations

import math

from detector.evaluation.comparison_table import comparison_table
from eval import Report

TITLE = "PASCAL VOC 2010 and later: area under the curve, IoU 0.5"


def report_of(figure: float, *notes: str) -> Report:
    classes = {"cat": {"AP": figure}, "tall dog": {"AP": math.nan}}
    return Report("voc", figure, {"mAP": figure}, classes, TITLE, notes)


FIRST, SECOND = report_of(0.5, "odd boxes", "no dogs"), report_of(0.4375, "no dogs", "ties")
TABLE = """\
PASCAL VOC 2010 and later: area under the curve, IoU 0.5

               A  longer name  difference
mAP        0.500        0.438      -0.062

class         AP           AP
cat        0.500        0.438      -0.062
tall dog       –            –           –

Note: no dogs
Note (A): odd boxes
Note (longer name): ties"""


def test_two_reports_side_by_side() -> None:
    assert comparison_table(FIRST, SECOND, ("A", "longer name")) == TABLE
    other_way = comparison_table(SECOND, FIRST, ("B", "A")).splitlines()
    assert other_way[3] == "mAP        0.438   0.500      +0.062"
