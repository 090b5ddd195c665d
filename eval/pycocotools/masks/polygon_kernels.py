"""Polygons as runs, and runs as COCO's text, in compiled code.

The outline is sampled at fifths of a pixel, and a pixel belongs to the polygon if its centre does,
with the roundings of pycocotools 2.0.11 (maskApi.c). There, coordinates become whole fifths first;
the rest is integers but for the slope of an edge.
"""

from __future__ import annotations

from eval.pycocotools.compiled import kernel
from rcnn_kernels import helper


@helper
def sort(values, first, end):  # type: ignore[no-untyped-def]
    """Sort values[first:end] in place (Shell's method)."""
    gap = 1
    while gap < (end - first) // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(first + gap, end):
            value, place = values[i], i
            while place >= first + gap and values[place - gap] > value:
                values[place] = values[place - gap]
                place -= gap
            values[place] = value
        gap //= 3


@helper
def add_crossing(fifth, v, height, found, place):  # type: ignore[no-untyped-def]
    """Write the pixel where an outline passes from `fifth` to the next one, at height `v`."""
    found[place] = (fifth - 2) // 5 * height + min(max((v + 2) // 5, 0), height)
    return place + 1


@helper
def crossings(points, begin, end, height, width, found):  # type: ignore[no-untyped-def]
    """Write the pixels, numbered down the columns, at which an outline crosses a column.

    `points` are fifths of a pixel, x and y in turn. An outline crosses a column between its third
    fifth and the next one. Returns the number of crossings.
    """
    place = 0
    last_x, last_y = points[end - 2], points[end - 1]
    for corner in range(begin, end, 2):
        xs, ys, xe, ye = last_x, last_y, points[corner], points[corner + 1]
        last_x, last_y = xe, ye
        dx, dy = abs(xe - xs), abs(ye - ys)
        if (dx >= dy and xs > xe) or (dx < dy and ys > ye):
            xs, xe, ys, ye = xe, xs, ye, ys
        first = max(min(xs, xe) + (2 - min(xs, xe)) % 5, 2)
        after = min(max(xs, xe), 5 * width)
        if dx >= dy:
            slope = (ye - ys) / dx if dx > 0 else 0.0
            for fifth in range(first, after, 5):
                v = int(ys + slope * (fifth - xs) + 0.5)
                v = min(v, int(ys + slope * (fifth + 1 - xs) + 0.5))
                place = add_crossing(fifth, v, height, found, place)
        else:
            slope = (xe - xs) / dy
            for fifth in range(first, after, 5):
                # The first step past the border; the quotient may miss it by one.
                t = min(max(int((fifth + 0.5 - xs) / slope), 1), dy)
                while t > 1 and (int(xs + slope * (t - 1) + 0.5) > fifth) == (slope > 0):
                    t -= 1
                while t < dy and (int(xs + slope * t + 0.5) > fifth) != (slope > 0):
                    t += 1
                place = add_crossing(fifth, ys + t - 1, height, found, place)
    return place


@kernel("i8[1] i8[1] i8[2] i8[1] i4[1] i8[1]")
def polygon_runs(points, point_starts, sizes, found, lengths, starts):  # type: ignore[no-untyped-def]
    """Runs of polygons of whole fifths, as those of run_kernels; `found` is scratch."""
    total = 0
    for mask in range(len(sizes)):
        starts[mask] = total
        height, width = sizes[mask, 0], sizes[mask, 1]
        end = crossings(points, point_starts[mask], point_starts[mask + 1], height, width, found)
        found[end] = height * width
        end += 1
        sort(found, 0, end)
        last, i = 0, 0
        while i < end:
            length, last = found[i] - last, found[i]
            if i > 0 and length == 0:  # two crossings at one pixel cancel each other
                i += 1
                if i < end:
                    lengths[total - 1] += found[i] - last
                    last = found[i]
            else:
                lengths[total] = length
                total += 1
            i += 1
    starts[len(sizes)] = total


@kernel("i4[1] i8[1] u1[1] i8[1]")
def write_runs(lengths, starts, text, text_starts):  # type: ignore[no-untyped-def]
    """Write COCO's text of each mask; `text` has room for seven characters a run."""
    place = 0
    for mask in range(len(starts) - 1):
        text_starts[mask] = place
        for run in range(starts[mask], starts[mask + 1]):
            value = int(lengths[run])
            if run - starts[mask] > 2:
                value -= int(lengths[run - 2])
            more = True
            while more:
                code = value & 31
                value >>= 5
                more = value != -1 if code & 16 else value != 0
                text[place] = code + (32 if more else 0) + 48
                place += 1
    text_starts[len(starts) - 1] = place
