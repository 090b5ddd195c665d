"""Masks as runs in compiled code: reading COCO's text, areas, boxes and overlaps.

A mask is a list of lengths, of background and object in turn, down the columns of the image. In a
file it is text: the difference of each length from the one before the last, five bits a character.
Every rule is that of pycocotools 2.0.11 (maskApi.c), whose figures are computed with integers until
the last division, so that they agree to the last bit.

`lengths` has the runs of all masks, `starts` (masks + 1,) where those of a mask begin, `sizes`
(masks, 2) height and width of its image.
"""

from __future__ import annotations

from eval.pycocotools.compiled import kernel
from rcnn_kernels import helper

LONGEST = 0x7FFFFFFF  # a length is an int32
UNSIGNED = 0xFFFFFFFF


@kernel("u1[1] i8[1] i8[2] i4[1] i8[1] -> i8")
def read_runs(text, text_starts, sizes, lengths, starts):  # type: ignore[no-untyped-def]
    """Read all masks; the result is the number of masks before the first damaged one.

    `lengths` has room for the characters and one more run of each mask. A mask that ends early
    gets the rest of its image as background.
    """
    place = 0
    for mask in range(len(sizes)):
        starts[mask] = place
        total, i = 0, text_starts[mask]
        while i < text_starts[mask + 1]:
            value, shift, more = 0, 0, True
            while more:
                if i == text_starts[mask + 1] or shift > 30:
                    return mask
                code = int(text[i]) - 48
                if code < 0 or code > 63:
                    return mask
                value |= (code & 31) << shift
                shift += 5
                i += 1
                more = code & 32 != 0
                if not more and code & 16:
                    value |= -1 << shift
            if place - starts[mask] > 2:
                value += int(lengths[place - 2])
            if value < 0 or value > LONGEST:
                return mask
            lengths[place] = value
            place += 1
            total += value
        missing = sizes[mask, 0] * sizes[mask, 1] - total
        if missing > LONGEST - total:
            return mask
        if missing > 0:
            if (place - starts[mask]) % 2:
                lengths[place - 1] += missing
            else:
                lengths[place] = missing
                place += 1
    starts[len(sizes)] = place
    return len(sizes)


@kernel("u1[1] i8[1] i8[1] u1[1] i8[1]")
def copy_texts(text, text_starts, rows, copied, starts):  # type: ignore[no-untyped-def]
    """Copy the text of mask i to that of mask rows[i] in `copied`."""
    for i in range(len(rows)):
        place = starts[rows[i]]
        for at in range(text_starts[i], text_starts[i + 1]):
            copied[place] = text[at]
            place += 1


@kernel("i4[1] i8[1] i8[2] i8[1] f8[2]")
def measure_runs(lengths, starts, sizes, areas, boxes):  # type: ignore[no-untyped-def]
    """Write the area of each mask in pixels, and its box, xywh."""
    for mask in range(len(sizes)):
        height, width = sizes[mask, 0], sizes[mask, 1]
        left, top, right, bottom = width, height, 0, 0
        end, area = 0, 0
        runs = (starts[mask + 1] - starts[mask]) // 2
        for run in range(runs):
            place = starts[mask] + 2 * run
            start = end + int(lengths[place])
            length = int(lengths[place + 1])
            end = start + length
            area += length
            if length == 0:
                continue
            first, last = start // height, (end - 1) // height
            left, right = min(left, first), max(right, last)
            if first < last:  # the run goes on in the next column
                top, bottom = 0, height - 1
            else:
                top, bottom = min(top, start - first * height), max(bottom, end - 1 - last * height)
        areas[mask] = area
        for side in range(4):
            boxes[mask, side] = 0.0
        if runs:
            boxes[mask, 0], boxes[mask, 1] = left, top
            # As in pycocotools, the sides of an empty mask wrap around to large numbers.
            boxes[mask, 2] = (right - left + 1) & UNSIGNED
            boxes[mask, 3] = (bottom - top + 1) & UNSIGNED


@helper
def boxes_meet(boxes, d, g):  # type: ignore[no-untyped-def]
    """Whether two boxes share an area."""
    right = min(boxes[d, 0] + boxes[d, 2], boxes[g, 0] + boxes[g, 2])
    bottom = min(boxes[d, 1] + boxes[d, 3], boxes[g, 1] + boxes[g, 3])
    return right > max(boxes[d, 0], boxes[g, 0]) and bottom > max(boxes[d, 1], boxes[g, 1])


@helper
def run_overlap(lengths, a, a_end, b, b_end, detection_area):  # type: ignore[no-untyped-def]
    """IoU of two masks; with an area, the share of the detection inside a crowd.

    -2 if the masks have different numbers of pixels, which pycocotools would compare for ever.
    """
    left_a, left_b = int(lengths[a]), int(lengths[b])
    next_a, next_b = a + 1, b + 1
    both, either = 0, 0
    while True:
        # Every second run belongs to the object.
        inside_a, inside_b = (next_a - a) % 2 == 0, (next_b - b) % 2 == 0
        step = min(left_a, left_b)
        if inside_a or inside_b:
            either += step
            if inside_a and inside_b:
                both += step
        left_a, left_b = left_a - step, left_b - step
        stuck = step == 0
        if left_a == 0 and next_a < a_end:
            left_a, next_a, stuck = int(lengths[next_a]), next_a + 1, False
        if left_b == 0 and next_b < b_end:
            left_b, next_b, stuck = int(lengths[next_b]), next_b + 1, False
        if left_a + left_b == 0:  # pycocotools also ends between two empty runs
            break
        if stuck:
            return -2.0
    if both == 0:
        return 0.0
    return both / (either if detection_area == 0 else detection_area)


@kernel("i8[1] i8[1] i8[1] i4[1] i8[1] i8[2] i8[1] f8[2] u1[1] f8[1]")
def overlap_masks(  # type: ignore[no-untyped-def]
    rows, gt_rows, iou_starts, lengths, starts, sizes, areas, boxes, gt_crowd, ious
):
    """Write the IoU of each detection with each object of its group.

    Detections are the first masks, the objects follow; `rows` and `gt_rows` are their groups, as
    `starts` and `gt_starts` in kernels. -1 where two masks belong to images of different sizes.
    """
    detections = rows[len(rows) - 1]
    for group in range(len(rows) - 1):
        place = iou_starts[group]
        for d in range(rows[group], rows[group + 1]):
            for truth in range(gt_rows[group], gt_rows[group + 1]):
                g = detections + truth
                ious[place] = 0.0
                if boxes_meet(boxes, d, g):
                    if sizes[d, 0] != sizes[g, 0] or sizes[d, 1] != sizes[g, 1]:
                        ious[place] = -1.0
                    else:
                        ious[place] = run_overlap(
                            lengths, starts[d], starts[d + 1], starts[g], starts[g + 1],
                            areas[d] if gt_crowd[truth] else 0,
                        )  # fmt: skip
                place += 1
