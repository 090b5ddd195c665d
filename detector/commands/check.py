"""`detect check`: print what the linter finds, in groups."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections import defaultdict
from pathlib import Path

from detector.files.whole_files import check_writable, write_file
from detector.pictures.finding import printable
from eval.checking import Finding
from eval.checking import check as find_faults

SHOWN = 20  # of a kind
SLIGHT = {"box slightly outside its image": 5}  # kinds that matter least: how many are shown
SEVERITIES = ("error", "warning", "note")


def check(arguments: Namespace) -> int:
    """Print all findings; the exit code is 1 if there are errors among them."""
    if arguments.json and arguments.json != "-":
        check_writable(Path(arguments.json), "--json")
    findings = find_faults(arguments.path, arguments.data, arguments.split)
    if arguments.json:
        import orjson

        rows = [finding._asdict() for finding in findings]
        text = orjson.dumps(rows, option=orjson.OPT_INDENT_2, default=str) + b"\n"
        if arguments.json == "-":
            sys.stdout.buffer.write(text)
        else:
            write_file(Path(arguments.json), text)
    if arguments.json != "-":
        print(report(findings, sys.maxsize if arguments.all else SHOWN))
    return int(any(finding.severity == "error" for finding in findings))


def report(findings: list[Finding], shown: int) -> str:
    """Lines of text: a heading for each kind, then its first findings, in the end the counts.

    By severity, and within by how many records they concern; what matters least comes last.
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
