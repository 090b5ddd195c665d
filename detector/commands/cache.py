"""`detect cache`: what the store of computed proposals holds, and how to empty it."""

from __future__ import annotations

from argparse import Namespace

from detector.pictures.finding import printable


def cache(arguments: Namespace) -> int:
    """Print folder, entries and size; with --clear delete the entries first."""
    from proposals.cache import CacheSize, ProposalCache

    def describe(size: CacheSize) -> str:
        return f"{size.entries} entries, {size.bytes / 1e6:.1f} MB"

    store = ProposalCache()
    print(f"folder:   {printable(store.folder)}")
    if arguments.clear:
        print(f"deleted:  {describe(store.clear())}")
    print(f"holds:    {describe(store.size())}")
    return 0
