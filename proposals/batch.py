"""Selective search over many images: one image per thread, results in order.

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
from proposals.selective_search import selective_search
from proposals.threads import map_in_order, processors

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

    At most two images per thread are in memory at once, so `images` may be a generator of any
    length. Functions that read one image each let the threads share the reading too.

    Parameters
    ----------
    images
        (H, W, 3) uint8 RGB arrays, or functions without arguments that return one.
    threads
        Number of images processed at the same time, one thread each; None uses one thread per
        available processor.
    cache
        Supplies the proposals it holds and stores the others. None computes all.
    progress
        Show a progress bar on the standard error.
    options
        Options of `selective_search`, the same for all images; the seed must be a whole number.

    Yields
    ------
    Proposals
        Proposals of each image, in the order of `images`; the same bytes as one by one.

    Raises
    ------
    ProposalError
        Immediately for a wrong option; during iteration for a wrong image, with its number (from
        0).
    Exception
        Whatever reading an image raised, with a note of its number. Later images are skipped.
    """
    check_options(**options)
    if isinstance(options.get("seed"), np.random.Generator):
        raise ProposalError(
            "seed: threads would share one Generator in no fixed order; give a whole number"
        )
    if isinstance(images, np.ndarray) and images.ndim == 3:
        raise ProposalError("images: got a single image (3 axes); put it in a list: [image]")
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
