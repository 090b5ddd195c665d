"""`detect cache`: show the proposal cache and its size, or empty it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from detector.console import show
from detector.files.names import printable

if TYPE_CHECKING:
    from proposals.cache import CacheSize

HELP = "show or empty the proposal cache"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `detect cache`."""
    parser.add_argument("--clear", action="store_true", help="delete all entries")


def run(arguments: argparse.Namespace) -> int:
    """Print folder, entries and size, after deleting the entries if --clear is given."""
    from proposals.cache import ProposalCache

    store = ProposalCache()
    show(f"folder:   {printable(store.folder)}")
    if arguments.clear:
        show(f"deleted:  {_describe(store.clear())}")
    show(f"holds:    {_describe(store.size())}")
    return 0


def _describe(size: CacheSize) -> str:
    return f"{size.entries} entries, {size.bytes / 1e6:.1f} MB"
