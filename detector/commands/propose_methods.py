"""How `detect propose` finds boxes, and what of it decides which come out."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from detector.cli import load_detector
from detector.errors import DetectorError
from detector.files.digests import hash_of_weights

if TYPE_CHECKING:
    import numpy as np

    from proposals import Proposals


class Proposer(NamedTuple):
    """How boxes are found."""

    propose: Callable[[np.ndarray], Proposals]
    settings: dict[str, Any]  # all that decides which boxes come out
    threads: int  # pictures at a time


def proposer_of(arguments: Namespace) -> Proposer:
    """The method that --method, --mode, --recipe and --weights ask for."""
    if arguments.method == "selective_search":
        return _selective_search(arguments)
    detector = load_detector(arguments)
    is_merged = arguments.method == "merged"
    if not is_merged and detector.multibox is None:
        raise DetectorError(
            "--method multibox: these weights hold no MultiBox; give --weights that have one"
        )
    recipe = detector.recipe
    settings = {
        "method": arguments.method,
        "weights": hash_of_weights(detector),
        "proposals": asdict(recipe.proposals),
        "multibox": recipe.multibox.boxes if detector.multibox else 0,
        "network": asdict(recipe.network),
    }
    # One at a time: the network takes all processors for itself.
    return Proposer(detector.propose if is_merged else detector.multibox_proposals, settings, 1)


def _selective_search(arguments: Namespace) -> Proposer:
    """Selective search as the recipe has it, without a detector and without torch."""
    from detector.recipes import DEFAULT, load_recipe, override
    from detector.recipes.search_options import search_options
    from proposals import ProposalCache, selective_search
    from proposals.search.strategies import MODES
    from proposals.threads import processors

    options = override(load_recipe(arguments.recipe or DEFAULT), arguments.settings).proposals
    if arguments.proposals:
        scale = MODES[arguments.proposals].superpixel_scale
        options = replace(options, mode=arguments.proposals, superpixel_scale=scale)
    search: Callable[..., Proposals] = selective_search
    if arguments.data and not arguments.no_cache:
        search = ProposalCache().get_or_compute
    threads = processors()
    # A processor per picture is quicker than all for one, where there are several.
    method = partial(search, threads=1 if arguments.data or len(arguments.pictures) > 1 else None)
    settings = {"method": arguments.method, "proposals": asdict(options)}
    return Proposer(partial(method, **search_options(options)), settings, threads)
