"""The curves of a run as a picture, with a panel for every loss and every validation figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from detector.training_loop.run_folder import CURVES, log_metrics, metrics_line, read_metrics
from proposals.whole_files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Values = NDArray[np.float64]
COLUMNS = 3
RAW, SMOOTH, MEASURED = "#b9cbe0", "#1f4e8c", "#b3541e"
SMOOTHING = 0.05  # width of the moving average, as a share of the curve
FEW = 20  # points; fewer than these are marked one by one


def draw_curves(folder: Path) -> Path | None:
    """Draw metrics.jsonl of a run folder as curves.png; None if there is nothing to draw."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    curves = read_curves(folder)
    if not curves:
        return None
    columns = min(COLUMNS, len(curves))
    rows = -(-len(curves) // columns)
    figure = Figure(figsize=(3.6 * columns, 2.6 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False, sharex=True).ravel()
    last = max(1, *(steps[-1] for steps, _ in curves.values()))
    for panel, (name, (steps, values)) in zip(axes, curves.items(), strict=False):
        _draw_panel(panel, name, steps, values)
        panel.set_xlim(0, last * 1.02)
    for panel in axes[len(curves) :]:
        panel.remove()
    for panel in axes[max(0, len(curves) - columns) : len(curves)]:
        panel.set_xlabel("step", fontsize=8)
        panel.tick_params(labelbottom=True)
    path = folder / CURVES
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110, format="png")
    return path


def add_validation(folder: Path, figures: Mapping[str, float]) -> None:
    """Add figures of validation at the last step of a run, and draw its curves again.

    An earlier call of a finished run may have added them already.
    """
    lines = read_metrics(folder)
    step = int(lines[-1]["step"]) if lines else 0
    if metrics_line(step, figures) not in lines:
        log_metrics(folder, step, figures)
    if lines:  # the curves of an ensemble are in the folders of its members
        draw_curves(folder)


def read_curves(folder: Path) -> dict[str, tuple[Values, Values]]:
    """Steps and values by name, losses first; the last value for a step counts."""
    points: dict[str, dict[float, float]] = {}
    for line in read_metrics(folder):
        for name, value in line.items():
            if name != "step":
                points.setdefault(name, {})[line["step"]] = value
    names = sorted(points, key=is_validation)  # stable: otherwise in order of appearance
    return {
        name: (np.array(list(points[name])), np.array(list(points[name].values())))
        for name in names
    }


def is_validation(name: str) -> bool:
    """Whether a figure was measured on the validation split, not on the training data."""
    return name.startswith("validation")


def smooth(values: Values) -> Values:
    """Centred moving average over 5 % of the curve, over less at its ends."""
    half = round(len(values) * SMOOTHING / 2)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(len(values))
    low, high = np.maximum(places - half, 0), np.minimum(places + half + 1, len(values))
    smoothed: Values = (sums[high] - sums[low]) / (high - low)
    return smoothed


def _draw_panel(panel: Axes, name: str, steps: Values, values: Values) -> None:
    marker = "o" if len(values) < FEW else ""
    if is_validation(name):
        panel.plot(steps, values, marker=marker, color=MEASURED, markersize=4, linewidth=1.2)
        panel.annotate(
            f"{values[-1]:.3f}", (steps[-1], values[-1]), xytext=(-3, -12),
            textcoords="offset points", ha="right", color=MEASURED, fontsize=9,
        )  # fmt: skip
        top = 1.0 if values.max() <= 1 else 1.1 * float(values.max())
    else:
        smoothed = smooth(values)
        panel.plot(steps, values, color=RAW, linewidth=0.8)
        panel.plot(steps, smoothed, marker=marker, color=SMOOTH, markersize=3, linewidth=1.5)
        panel.set_ylabel("loss", fontsize=8)
        top = 1.15 * float(smoothed.max()) or 1.0  # a single peak may exceed the panel
    panel.set_ylim(0, top)
    panel.set_title(name.replace("validation_", "validation "), fontsize=10, loc="left")
    panel.grid(color="#e6e6e6", linewidth=0.6)
    panel.set_axisbelow(True)
    panel.tick_params(labelsize=8, length=2)
    panel.spines[["top", "right"]].set_visible(False)
