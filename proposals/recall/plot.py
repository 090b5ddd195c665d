"""Recall against the number of boxes, as a picture.

matplotlib is imported inside the functions: `import proposals` stays light.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from proposals.result import ProposalError
from proposals.whole_files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, which colour-blind readers can tell apart; dark colours first.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#444444")
INK, GRID = "#333333", "#E4E4E4"
WIDTH, HEIGHT, DOTS = 8.8, 3.5, 200  # inches and dots per inch: twice the width of a README
LINE = 0.055  # height of a line of text, as a share of the axis from 0 to 1
FIRST_SHOWN = 5  # boxes; fewer cover almost no objects
PANELS = {
    "recall at IoU 0.5": lambda report, first: report.recall(0.5, first),
    "recall at IoU 0.7": lambda report, first: report.recall(0.7, first),
    "average recall, IoU 0.5 to 0.95": lambda report, first: report.average_recall(first),
}


class Measured(Protocol):
    """What a curve is drawn from: a `RecallReport`."""

    @property
    def box_counts(self) -> NDArray[np.int64]: ...
    @property
    def images(self) -> int: ...
    @property
    def objects(self) -> int: ...
    def mean_boxes(self, first: int | None = None) -> float: ...
    def recall(self, iou: float = 0.5, first: int | None = None) -> float: ...
    def average_recall(self, first: int | None = None) -> float: ...


class End(NamedTuple):
    """The last point of a curve and the label beside it."""

    boxes: float
    value: float
    text: str
    colour: str


def plot_report(report: Measured, path: str | os.PathLike[str]) -> None:
    """Draw the three figures of one report in one panel; errors as in `plot_reports`."""
    figure = _new_figure(WIDTH * 0.7)
    axes = figure.add_subplot()
    ends = []
    for (name, measure), colour in zip(PANELS.items(), COLOURS, strict=False):
        boxes, value = _draw_curve(axes, report, measure, {"color": colour})
        ends.append(End(boxes, value, f"{value:.3f}  {name}", colour))
    _label_ends(axes, ends)
    axes.set_title(
        f"{report.images} images, {report.objects} objects, {report.mean_boxes():.0f} boxes each",
        loc="left", fontsize=9, color=INK,
    )  # fmt: skip
    _finish(axes)
    _save(figure, path)


def plot_reports(
    reports: Mapping[str, Measured],
    path: str | os.PathLike[str],
    styles: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Draw several reports in three panels: recall at IoU 0.5, at 0.7, and average recall.

    Parameters
    ----------
    reports
        Name in the legend -> report. Each curve ends at its report's mean number of boxes.
    path
        File to write; the suffix (.png, .svg, .pdf) names the format.
    styles
        Report name -> matplotlib line properties, e.g. `{"OpenCV": {"linestyle": "--"}}`.

    Raises
    ------
    ProposalError
        There are no reports, matplotlib does not support the suffix, or it is not installed.
    """
    if not reports:
        raise ProposalError("reports: none given; name at least one")
    figure = _new_figure(WIDTH)
    panels = figure.subplots(1, len(PANELS), sharex=True)
    for axes, (title, measure) in zip(panels, PANELS.items(), strict=True):
        ends = []
        for number, (name, report) in enumerate(reports.items()):
            style = {**_style(number), **(styles or {}).get(name, {})}
            boxes, value = _draw_curve(axes, report, measure, {**style, "label": name})
            ends.append(End(boxes, value, f"{value:.3f}", style["color"]))
        _label_ends(axes, ends)
        axes.set_title(title, loc="left", fontsize=9, color=INK)
        _finish(axes)
    figure.legend(
        *panels[0].get_legend_handles_labels(),
        loc="outside upper left", ncols=_legend_columns(list(reports)), frameon=False, fontsize=8.5,
        labelcolor=INK, handlelength=2.2, columnspacing=1.6,
    )  # fmt: skip
    _save(figure, path)


def _new_figure(width: float) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ProposalError("drawing recall needs matplotlib; pip install matplotlib") from None
    return Figure(figsize=(width, HEIGHT), dpi=DOTS, layout="constrained")


def _style(number: int) -> dict[str, Any]:
    """Colours in turn: the first round solid, the second dashed, the third dotted."""
    dashes = ("-", "--", ":")[number // len(COLOURS) % 3]
    return {"color": COLOURS[number % len(COLOURS)], "linestyle": dashes}


def _draw_curve(
    axes: Axes, report: Measured, measure: Any, style: dict[str, Any]
) -> tuple[float, float]:
    """Draw one line with a dot at its end; returns that end point."""
    most = max(1, int(report.box_counts.max(initial=1)))
    firsts = np.unique(np.geomspace(min(FIRST_SHOWN, most), most, 80).round().astype(int))
    # Some images have fewer boxes than the cut, so the x axis shows the mean number that counted.
    boxes = [report.mean_boxes(int(first)) for first in firsts]
    values = [measure(report, int(first)) for first in firsts]
    axes.plot(boxes, values, **{"linewidth": 1.6, "solid_capstyle": "round", **style})
    axes.plot(boxes[-1:], values[-1:], "o", markersize=3.5, color=style["color"], clip_on=False)
    return boxes[-1], values[-1]


def _label_ends(axes: Axes, ends: list[End]) -> None:
    """Write each curve's label at the right border, at the height of its end where possible."""
    ends = sorted((end for end in ends if end.value >= 0), key=lambda end: end.value)  # without NaN
    for end, level in zip(ends, _spread([end.value for end in ends]), strict=True):
        axes.annotate(
            end.text, (end.boxes, end.value), xytext=(1.03, level),
            textcoords=axes.get_yaxis_transform(), va="center", fontsize=7.5, color=end.colour,
            arrowprops={
                "arrowstyle": "-", "linewidth": 0.6, "color": end.colour, "alpha": 0.45,
                "relpos": (0, 0.5), "shrinkA": 1, "shrinkB": 2,
            },
        )  # fmt: skip


def _spread(values: list[float]) -> list[float]:
    """Move ascending values apart until neighbours differ by at least LINE and none is above 1."""
    levels = np.array(values)
    for row in range(1, len(levels)):
        levels[row] = max(levels[row], levels[row - 1] + LINE)
    highest = 1.0
    for row in reversed(range(len(levels))):
        levels[row] = min(levels[row], highest)
        highest = levels[row] - LINE
    return levels.tolist()


def _finish(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.set_ylim(0, 1)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("boxes per image", fontsize=8.5, color=INK)
    axes.grid(color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", length=0, labelsize=8, labelcolor=INK)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color("#BBBBBB")


def _legend_columns(names: list[str]) -> int:
    """As many columns as fit: a row holds about 125 letters, and each line sample takes 8."""
    return max(1, min(len(names), 125 // (8 + max(len(name) for name in names))))


def _save(figure: Figure, path: str | os.PathLike[str]) -> None:
    target = Path(path)
    known = figure.canvas.get_supported_filetypes()
    suffix = target.suffix.lower().removeprefix(".")
    if suffix not in known:
        raise ProposalError(
            f"{target}: suffix {target.suffix!r} names no picture format; "
            "end the name in .png, .svg or .pdf"
        )
    with replacing(target) as temporary:
        figure.savefig(temporary, format=suffix, facecolor="white")
