"""Stable sorting of rows by falling score and by group, which every curve is built on."""

from __future__ import annotations

import numpy as np

from eval.compiled import kernel

_LARGEST = 0x7FFFFFFFFFFFFFFF
_INFINITY = 0x7FF0000000000000  # a float64 is NaN if its bits without the sign exceed these


def falling(
    scores: np.ndarray, rows: np.ndarray | None = None, *, nan_first: bool = False
) -> np.ndarray:
    """Sort rows by falling score; rows of equal score stay in their order.

    Parameters
    ----------
    scores
        (N,) float64 by row; NaN comes last, or first with nan_first.
    rows
        (D,) int32, the rows to sort, in their initial order; None for all.

    Returns
    -------
    (D,) int32 rows.
    """
    ordered = np.empty((2, len(scores) if rows is None else len(rows)), dtype=np.int32)
    ordered[0] = np.arange(len(scores)) if rows is None else rows
    keys = np.empty(ordered.shape, dtype=np.int64)
    counts = np.zeros((8, 256), dtype=np.int64)
    bits = np.ascontiguousarray(scores, dtype=np.float64).view(np.int64)
    _sort_falling(bits, int(nan_first), ordered, keys, counts)
    return ordered[0].copy()


def group_rows(
    groups: np.ndarray, count: int, rows: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of group 0, then of group 1, and so on; within a group they keep their order.

    Parameters
    ----------
    groups
        (N,) int32, the group of each row, 0..count-1.
    rows
        (D,) int32, the rows to sort, in their initial order; None for all.

    Returns
    -------
    (D,) int32 rows and (count + 1,) int64 starts: group g owns starts[g] to starts[g + 1].
    """
    if rows is None:
        rows = np.arange(len(groups), dtype=np.int32)
    groups = np.ascontiguousarray(groups, dtype=np.int32)
    starts = np.zeros(count + 1, dtype=np.int64)
    np.cumsum(np.bincount(groups[rows], minlength=count), out=starts[1:])
    grouped = np.empty_like(rows)
    _deal_out(groups, rows, starts.copy(), grouped)
    return grouped, starts


def rising(ids: list[int | str] | tuple[int | str, ...]) -> np.ndarray:
    """(N,) int64: the positions of ids in rising order; texts come after numbers."""
    order = sorted(range(len(ids)), key=lambda i: (isinstance(ids[i], str), ids[i]))
    return np.array(order, dtype=np.int64)


def inverse(order: np.ndarray) -> np.ndarray:
    """(N,) int32: the inverse of a permutation."""
    places = np.empty(len(order), np.int32)
    places[order] = np.arange(len(order))
    return places


@kernel("i4[1] i4[1] i8[1] i4[1]")
def _deal_out(groups, rows, places, grouped):  # type: ignore[no-untyped-def]
    for row in rows:
        group = groups[row]
        grouped[places[group]] = row
        places[group] += 1


@kernel("i8[1] i8 i4[2] i8[2] i8[2]")
def _sort_falling(bits, nan_first, rows, keys, counts):  # type: ignore[no-untyped-def]
    """Radix sort of rows[0], one byte per pass, lowest first; rows[1] and keys are scratch."""
    length = rows.shape[1]
    for i in range(length):
        # Read as an unsigned number, a key rises as the score falls; -0 and 0 have equal keys.
        key = bits[rows[0, i]]
        if key & _LARGEST > _INFINITY:
            key = 0 if nan_first else -1
        elif key >= 0 or key & _LARGEST == 0:
            key = (key & _LARGEST) ^ _LARGEST
        keys[0, i] = key
        for byte in range(8):
            counts[byte, (key >> (8 * byte)) & 255] += 1
    source = 0
    for byte in range(8):
        shift = 8 * byte
        if length == 0 or counts[byte, (keys[source, 0] >> shift) & 255] == length:
            continue  # all keys share this byte
        place = 0
        for value in range(256):
            count = counts[byte, value]
            counts[byte, value] = place
            place += count
        for i in range(length):
            value = (keys[source, i] >> shift) & 255
            to = counts[byte, value]
            counts[byte, value] = to + 1
            keys[1 - source, to] = keys[source, i]
            rows[1 - source, to] = rows[source, i]
        source = 1 - source
    if source == 1:
        for i in range(length):
            rows[0, i] = rows[1, i]
