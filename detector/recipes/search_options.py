"""A recipe's options of selective search, as `proposals` takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detector.recipes import ProposalOptions

if TYPE_CHECKING:
    from proposals.options import SearchOptions


def search_options(options: ProposalOptions) -> SearchOptions:
    """The keyword arguments of `selective_search` and its relatives; a width of 0 is none."""
    return {
        "mode": options.mode,
        "superpixel_scale": options.superpixel_scale,
        "width": options.width or None,
        "min_side": options.min_side,
        "seed": options.seed,
    }
