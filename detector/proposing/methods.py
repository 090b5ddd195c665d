"""The methods of `detect propose`, and the settings that decide their boxes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from detector.errors import DetectorError

if TYPE_CHECKING:
    import numpy as np

    from detector.pipeline import Detector
    from proposals import Proposals


class Proposer(NamedTuple):
    """A method that finds boxes."""

    propose: Callable[[np.ndarray], Proposals]
    settings: dict[str, Any]  # everything that decides the boxes
    threads: int  # pictures at a time


def detector_proposer(detector: Detector, method: str) -> Proposer:
    """The proposals of a detector, `method` "merged", or of its MultiBox, "multibox"."""
    is_merged = method == "merged"
    if not is_merged and detector.multibox is None:
        raise DetectorError(
            "--method multibox: these weights hold no MultiBox; give --weights that have one"
        )
    recipe = detector.recipe
    settings = {
        "method": method,
        "weights": detector.digest(),
        "proposals": asdict(recipe.proposals),
        "multibox": recipe.multibox.boxes if detector.multibox else 0,
        "engine": detector.engine,
        "network": asdict(recipe.network),
    }
    # One picture at a time: the network uses all processors.
    return Proposer(detector.propose if is_merged else detector.multibox_proposals, settings, 1)


def selective_search_proposer(
    recipe: str | None,
    settings: Sequence[str],
    mode: str | None,
    *,
    use_cache: bool,
    several: bool,
) -> Proposer:
    """Selective search with the recipe's options, without a detector and without torch.

    Parameters
    ----------
    settings
        Values of the recipe to override.
    mode
        Mode in place of the recipe's, with its own size of superpixels.
    several
        Several pictures will be searched: a processor each is faster than all for one.
    """
    from detector.recipes import DEFAULT, load_recipe, override
    from proposals import ProposalCache, selective_search
    from proposals.threads import processors

    options = override(load_recipe(recipe or DEFAULT), settings).proposals
    if mode:
        options = replace(options, mode=mode)
    search: Callable[..., Proposals] = selective_search
    if use_cache:
        search = ProposalCache().get_or_compute
    method = partial(search, threads=1 if several else None, **options.keywords())
    decisive = {"method": "selective_search", "proposals": asdict(options)}
    return Proposer(method, decisive, processors())
