"""Two reports in one table."""

from __future__ import annotations

import math

from detector.evaluation.comparison_table import comparison_table
from eval import Report

FIRST = Report(
    "voc", 0.5, {"mAP": 0.5}, {"cat": 0.5, "tall dog": math.nan}, ("odd boxes", "no dogs")
)
SECOND = Report(
    "voc", 0.4375, {"mAP": 0.4375}, {"cat": 0.4375, "tall dog": math.nan}, ("no dogs", "ties")
)
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
