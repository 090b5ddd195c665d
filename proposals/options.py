"""The options of selective search: their types and their checks."""

from __future__ import annotations

from typing import TypedDict, Unpack, cast

import numpy as np

from proposals.checks import check_choice, check_count, check_positive, is_whole
from proposals.result import ProposalError
from proposals.search.strategies import MODES, Mode

BACKENDS = ("own", "opencv")
CONNECTIVITIES = (4, 8)


class KeywordOptions(TypedDict, total=False):
    """Keyword-only options of ``selective_search``."""

    width: int | None
    min_side: int
    max_side: int | None
    max_boxes: int | None
    connectivity: int
    backend: str


class SearchOptions(KeywordOptions, total=False):
    """All options that decide which boxes ``selective_search`` returns, and their order."""

    mode: str
    superpixel_scale: float | None
    seed: int | np.random.Generator


def check_options(**options: Unpack[SearchOptions]) -> SearchOptions:
    """Return the given options, with NumPy's whole numbers turned into Python's.

    Raises
    ------
    ProposalError
        An option is unknown or has another type or range than ``selective_search`` documents.
    """
    for name in options:
        check_choice("option", name, SearchOptions.__annotations__)
    if "mode" in options:
        check_choice("mode", options["mode"], MODES)
    if options.get("superpixel_scale") is not None:
        check_positive("superpixel_scale", options["superpixel_scale"])
    if not isinstance(options.get("seed", 0), np.random.Generator):
        check_count("seed", options.get("seed", 0), least=0)
    check_count("min_side", options.get("min_side", 0), least=0)
    for name in ("width", "max_side", "max_boxes"):
        if options.get(name) is not None:
            check_count(name, options.get(name), least=1)
    connectivity = options.get("connectivity", 8)
    if not is_whole(connectivity) or connectivity not in CONNECTIVITIES:
        raise ProposalError(f"connectivity: expected 4 or 8, got {connectivity!r}")
    check_choice("backend", options.get("backend", "own"), BACKENDS)
    plain = {name: int(v) if is_whole(v) else v for name, v in options.items()}
    return cast(SearchOptions, plain)


def choose_strategies(mode: str, superpixel_scale: float | None) -> Mode:
    """Strategies of a mode; a given scale replaces the mode's own."""
    chosen = MODES[mode]
    if superpixel_scale is None:
        return chosen
    return chosen._replace(superpixel_scale=float(superpixel_scale))
