"""A recipe's options of selective search, as the package `proposals` takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detector.recipes import ProposalOptions

if TYPE_CHECKING:
    from proposals.options import SearchOptions


def search_options(options: ProposalOptions) -> SearchOptions:
    """The keyword arguments of `selective_search`, for which no width is None."""
    return {"mode": options.mode, "width": options.width or None, "min_side": options.min_side}
