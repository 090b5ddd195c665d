"""The intervals hold the true figure about as often as they claim."""

from __future__ import annotations

import numpy as np

from benchmarks.interval_coverage import DETECTORS, coverage, true_figures


def test_intervals_hold_the_true_figure(monkeypatch) -> None:
    monkeypatch.setattr("benchmarks.interval_coverage.POPULATION", 200_000)
    detector = DETECTORS[1]
    true = true_figures(detector, "voc")
    assert 0.45 < true[1].mean() < true[0].mean() < 0.55
    held = list(coverage(detector, true, "voc", images=40, sets=200, draws=200))
    # 95 % of 200, within four standard errors. Percentiles of a bootstrap hold 80 %.
    assert 178 <= sum(one.mean for one in held) <= 200
    assert 178 <= sum(one.difference for one in held) <= 200
    classes = [one for sets in held for one in sets.classes]
    assert len(classes) > 1000 and 0.92 < np.mean(classes) < 0.98
