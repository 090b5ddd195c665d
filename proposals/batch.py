"""Selective search over many images: one image per processor, results in order.

readers = [partial(read_image, path) for path in paths]
for path, proposals in zip(paths, selective_search_many(readers, cache=ProposalCache())):
    ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from proposals.cache import ProposalCache
from proposals.checks import check_count
from proposals.options import SearchOptions, check_options
from proposals.result import ProposalError, Proposals
from proposals.search.strategies import processors
from proposals.selective_search import selective_search
from proposals.threads import map_in_order

Image = NDArray[np.uint8]
Source = Image | Callable[[], Image]


def selective_search_many(
    images: Iterable[Source],
    *,
    threads: int | None = None,
    cache: ProposalCache | None = None,
    progress: bool = False,
    **options: Unpack[SearchOptions],
) -> Iterator[Proposals]:
    """Propose boxes for many images, several at a time.

    No more images than twice the threads are held at once, so that `images` may be a generator
    of any length; give functions that read one image each, and the reading is shared too.

    Parameters
    ----------
    images
        (H, W, 3) uint8 RGB arrays, or functions without arguments that return one.
    threads
        Images at a time, each on one thread; None takes the processors available.
    cache
        Answers what it has and keeps what is computed. None computes everything.
    progress
        Show a bar on the standard error.
    options
        As for `selective_search`, the same for all images; the seed a whole number.

    Yields
    ------
    Proposals
        Of each image, in the order of `images`, the same bytes as one by one.

    Raises
    ------
    ProposalError
        At once for wrong options; for an image while iterating, with its number, from 0.
    Exception
        What reading an image raised, with a note of its number. Images after it are given up.
    """
    check_options(**options)
    if isinstance(options.get("seed"), np.random.Generator):
        raise ProposalError(
            "seed: threads would draw from one Generator in any order; give a whole number"
        )
    if isinstance(images, np.ndarray) and images.ndim == 3:
        raise ProposalError("images: got one image of 3 axes; put it in a list: [image]")
    if threads is not None:
        threads = check_count("threads", threads, least=1)
    search = selective_search if cache is None else cache.get_or_compute

    def propose(numbered: tuple[int, Source]) -> Proposals:
        number, source = numbered
        try:
            return search(source() if callable(source) else source, threads=1, **options)
        except ProposalError as error:
            raise ProposalError(f"image {number}: {error}") from error
        except Exception as error:
            origin = f" from {source!r}" if callable(source) else ""
            error.add_note(f"selective_search_many: image {number}{origin}")
            raise

    results = map_in_order(propose, enumerate(images), threads or processors())
    return _with_progress(results, images) if progress else results


def _with_progress(results: Iterator[Proposals], images: Iterable[Source]) -> Iterator[Proposals]:
    from rich.console import Console
    from rich.progress import track

    total = len(images) if isinstance(images, Sized) else None
    yield from track(results, "proposals", total, console=Console(stderr=True))
