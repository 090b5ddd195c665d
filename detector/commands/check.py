"""`detect check`: print the linter's findings, grouped by kind."""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from detector.commands.shared.options import (
    add_names,
    add_skip_unlisted,
    add_text_boxes,
    add_voc_corners,
)
from detector.commands.shared.values import existing, existing_or_pattern, output_or_dash
from detector.console import show
from detector.errors import UsageError
from detector.files.names import printable
from detector.files.whole_files import write_file

if TYPE_CHECKING:
    from eval.checking import Finding

HELP = "list every fault of a data set or of results"
SHOWN = 20  # findings of a kind
SLIGHT = {"box slightly outside its image": 5}  # findings shown of the least important kinds
SEVERITIES = ("error", "warning", "note")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `detect check`."""
    add = parser.add_argument
    add(
        "path", type=existing_or_pattern, metavar="DATA",
        help="ground truth: COCO JSON, or a folder in the layout of VOC, ILSVRC DET or YOLO; or "
        "results: COCO JSON, VOC comp4 files, ILSVRC or CSV text, a folder of YOLO text",
    )  # fmt: skip
    add("--data", type=existing, metavar="DATA", help="ground truth of the results")
    add("--split", metavar="NAME", help="part of a data set folder: test, val, ...")
    add_names(parser)
    add_skip_unlisted(parser)
    add_voc_corners(parser)
    add_text_boxes(parser)
    add("--all", action="store_true", help="print all findings, not only the first 20 of a kind")
    add(
        "--json", type=output_or_dash, metavar="FILE",
        help="write all findings here; '-' is standard output",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Print the findings; the exit code is 1 if there are errors among them."""
    from eval.checking import check

    if arguments.names and not arguments.data:
        raise UsageError("--names: applies to results; name their ground truth with --data")
    findings = check(
        arguments.path, arguments.data, arguments.split, corners=arguments.voc_corners,
        boxes=arguments.text_boxes, names=arguments.names, skip_unlisted=arguments.skip_unlisted,
    )  # fmt: skip
    if arguments.json:
        _write_json(findings, arguments.json)
    if arguments.json != "-":
        show(_table(findings, sys.maxsize if arguments.all else SHOWN))
    return int(any(finding.severity == "error" for finding in findings))


def _write_json(findings: Sequence[Finding], target: str) -> None:
    import orjson

    rows = [finding._asdict() for finding in findings]
    text = orjson.dumps(rows, option=orjson.OPT_INDENT_2, default=str) + b"\n"
    if target == "-":
        show(text)
    else:
        write_file(Path(target), text)


def _table(findings: Sequence[Finding], shown: int) -> str:
    """Lines of text: a heading for each kind, its first findings, and the counts at the end.

    Kinds are sorted by severity, then by the number of records; the least important come last.
    """
    groups: dict[tuple[str, str], list[Finding]] = defaultdict(list)
    for finding in findings:
        groups[finding.severity, finding.kind].append(finding)
    lines = []
    for (severity, kind), group in sorted(groups.items(), key=_rank):
        most = min(shown, SLIGHT.get(kind, shown)) if shown < sys.maxsize else shown
        count = f" ({len(group)})" if len(group) > 1 else ""
        lines.append(f"{severity}: {printable(kind)}{count}")
        lines += [f"  {printable(str(finding))}" for finding in group[:most]]
        if len(group) > most:
            lines.append(f"  and {len(group) - most} more; --all prints them")
    counts = [
        sum(finding.severity == word for finding in findings) for word in ("error", "warning")
    ]
    words = zip(counts, ("error", "warning"), strict=True)
    lines.append(", ".join(f"{n or 'no'} {word}{'' if n == 1 else 's'}" for n, word in words))
    return "\n".join(lines)


def _rank(item: tuple[tuple[str, str], list[Finding]]) -> tuple[int, bool, int]:
    (severity, kind), group = item
    records = sum(finding.records for finding in group)
    return SEVERITIES.index(severity), kind in SLIGHT, -records
