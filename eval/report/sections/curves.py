"""The section on the curves of precision over recall."""

from __future__ import annotations

from typing import Any

import numpy as np

from eval.curves import Curves
from eval.report.content.charts import envelope_on_grid, line, staircase
from eval.wording import amount, fraction, known

# Up to this many small plots stand beside the large one.
_BESIDE = 25
# With more classes than this, the middle ones are folded away.
_SHOWN = 48


def curves_view(
    curves: Curves, class_names: tuple[str, ...], average_precisions: np.ndarray
) -> dict[str, Any] | None:
    """The curve of every class with objects as a path, the best first; None if there is none.

    Parameters
    ----------
    average_precisions
        (classes,) float64, the figure beside each curve.
    """
    labels = np.flatnonzero(curves.counted > 0)
    if not len(labels):
        return None
    order = labels[np.argsort(-average_precisions[labels], kind="stable")].tolist()
    entries, envelopes = [], []
    for label in order:
        curve = curves[label]
        value = float(average_precisions[label])
        entries.append(
            {
                "label": label,
                "name": class_names[label],
                "value": fraction(value),
                "path": staircase(curve.recall, curve.precision),
            }
        )
        envelopes.append(envelope_on_grid(curve.recall, curve.precision))
    mean = np.mean(envelopes, axis=0)
    shown, folded = entries, entries[:0]
    if len(entries) > _SHOWN:
        ends = _SHOWN // 2
        shown, folded = entries[:ends] + entries[-ends:], entries[ends:-ends]
    best = entries[0]
    words = f"Precision over recall of {amount(len(entries), 'class', 'classes')}, and the mean"
    if known(average_precisions[order[0]]):
        words += f"; highest: {best['name']}, AP {best['value']}"
    return {
        "curves": entries,
        "by_name": sorted(entries, key=lambda entry: entry["name"].casefold()),
        "mean": line(mean),
        "many": len(entries) > _BESIDE,
        "shown": shown,
        "folded": folded,
        "words": words,
    }
