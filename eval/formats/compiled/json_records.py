"""Read the records of COCO JSON in compiled code; called by json_columns.

Text is an array of bytes followed by NULS NULs (see json_numbers).
"""

from __future__ import annotations

import numpy as np

from eval.compiled import kernel
from eval.formats.compiled.json_numbers import HARD, NULS, PLAIN, byte, read_number, skip_digits
from eval.formats.compiled.json_values import (
    skip_key,
    skip_space,
    skip_string,
    skip_value,
    skip_word,
)
from rcnn_kernels import helper, load_word, subroutine

# How read_records ended.
STUCK, STOPPED, CLOSED = 0, 1, 2
# What the flags of a record with keys say.
TEXT_IMAGE, TEXT_CATEGORY, CATEGORY_SEEN = 1, 2, 4
_ODD, _SHIFT = np.uint64(0x9E3779B97F4A7C15), np.uint64(29)


@kernel("u1[1] -> i8")
def first_place(text):  # type: ignore[no-untyped-def]
    """The first place that is not white space."""
    return skip_space(text, 0)


@kernel("u1[1] u8[2] f8[1] u8[1] -> i8")
def end_of_value(text, powers, tens, scratch):  # type: ignore[no-untyped-def]
    """The place after the value with which the text begins; -1 if it is no JSON."""
    return skip_value(text, skip_space(text, 0), powers, tens, scratch)


@kernel("u1[1] u8[2] f8[1] u8[1] i8[2] -> i8")
def top_level(text, powers, tens, scratch, places):  # type: ignore[no-untyped-def]
    """Find begin and end of each key and begin and end of its value in the top-level object."""
    at = skip_space(text, 0)
    if byte(text, at) != 123:
        return -1
    at = skip_space(text, at + 1)
    count = 0
    if byte(text, at) == 125:
        at += 1
    else:
        while True:
            if count == len(places):
                return -1
            places[count, 0] = at
            places[count, 1] = skip_string(text, at)
            at = skip_key(text, at)
            if at < 0:
                return -1
            places[count, 2] = at
            at = skip_value(text, at, powers, tens, scratch)
            if at < 0:
                return -1
            places[count, 3] = at
            count += 1
            at = skip_space(text, at)
            if byte(text, at) == 125:
                at += 1
                break
            if byte(text, at) != 44:
                return -1
            at = skip_space(text, at + 1)
    if skip_space(text, at) != len(text) - NULS:
        return -1
    return count


@kernel("u1[1] -> i8")
def next_record(text):  # type: ignore[no-untyped-def]
    """The first place where `{` follows `},`; -1 if there is none."""
    for at in range(len(text) - NULS):
        if byte(text, at) == 125:
            place = skip_space(text, at + 1)
            if byte(text, place) == 44:
                place = skip_space(text, place + 1)
                if byte(text, place) == 123:
                    return place
    return -1


@helper
def find_row(keys, rows, wanted):  # type: ignore[no-untyped-def]
    """The row of an id in a sorted table; -1 if it is not in the table."""
    low, high = 0, len(keys)
    while low < high:
        middle = (low + high) >> 1
        if keys[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    if low < len(keys) and keys[low] == wanted:
        return np.int64(rows[low])
    return np.int64(-1)


@helper
def is_field(text, at, names, field):  # type: ignore[no-untyped-def]
    """Whether the key at `at` is the name of a field, including the quotation marks."""
    first, second = load_word(text, at), load_word(text, at + 8)
    return (first & names[field, 1]) == names[field, 0] and (
        (second & names[field, 3]) == names[field, 2]
    )


@helper
def read_integer(text, at, out):  # type: ignore[no-untyped-def]
    """Read a 64-bit integer into out[0]; return the place after it, -1 if there is none."""
    negative = byte(text, at) == 45
    if negative:
        at += 1
    first = at
    at, digits = skip_digits(text, at, np.uint64(0))
    length, value = at - first, np.int64(digits)
    c = byte(text, at)
    # 19 digits above 2^63 - 1 overflow to a negative value.
    if length == 0 or length > 19 or value < 0 or (byte(text, first) == 48 and length > 1):
        return -1
    if c == 46 or c == 101 or c == 69:
        return -1
    out[0] = -value if negative else value
    return at


@helper
def read_flag(text, at):  # type: ignore[no-untyped-def]
    """The value (0 or 1) of 0, 1, false or true, and the place after it; -1 for anything else."""
    c = byte(text, at)
    if c == 48 or c == 49:
        n = byte(text, at + 1)
        if n == 44 or n == 125 or n <= 32:
            return c - 48, at + 1
    elif c == 116 and skip_word(text, at, 114, 117, 101) > 0:
        return 1, at + 4
    elif c == 102 and skip_word(text, at + 1, 108, 115, 101) > 0 and byte(text, at + 1) == 97:
        return 0, at + 5
    return -1, at


@subroutine
def hash_text(text, begin, end):  # type: ignore[no-untyped-def]
    """A 64-bit hash of text[begin:end]; never 0."""
    value = np.uint64(end - begin)
    for at in range(begin, end, 8):
        word = load_word(text, at)
        rest = end - at
        if rest < 8:
            word &= (np.uint64(1) << np.uint64(8 * rest)) - np.uint64(1)
        value = (value ^ word) * _ODD
        value ^= value >> _SHIFT
    return np.int64(value | np.uint64(1))


@kernel("u1[1] i8[1] i8[1]")
def hash_texts(text, ends, hashes):  # type: ignore[no-untyped-def]
    """The hash of each text[ends[i]:ends[i + 1]]."""
    for i in range(len(hashes)):
        hashes[i] = hash_text(text, ends[i], ends[i + 1])


@kernel(
    "u1[1] i8 i8 i8 i8 i8 u8[2] i8[1] i8[1] i4[1] i8[1] i4[1] "
    "i4[1] i4[1] f8[2] f8[1] i8[1] u1[1] i8[2] i8[2] u8[2] f8[1] u8[1] i8[2] i8[1] i8[1] i8[1]"
)
def read_records(  # type: ignore[no-untyped-def]
    text, begin, stop, row, wanted, required,
    names, lengths, image_keys, image_rows, label_keys, label_rows,
    images, labels, boxes, values, ids, flags, called, keys,
    powers, tens, scratch, hard, following, integer, state,
):  # fmt: skip
    """Read the list at `begin`, or the rest of it from the record at `begin` on, up to `stop`.

    `state` gets how reading ended (STUCK, STOPPED at or after `stop`, CLOSED at the end of the
    list), the place of the first record not read or after the list, the row of that record, the
    fields that every record has, and the number of rows in `hard`: (place, row, column) of numbers
    left to the caller.

    With `keys`, ids may be texts or unknown (row -1). `keys` gets the image id, the category id (a
    hash in place of a text) and the place of the record; `flags` says which of both are texts, and
    whether there is a category id.
    """
    always = np.int64(-1)
    count_hard = 0
    last_id, last_row = np.int64(-1), np.int64(-1)
    at = begin
    state[0], state[1], state[2], state[3], state[4] = STUCK, begin, row, always, 0
    if byte(text, at) == 91:
        at = skip_space(text, at + 1)
        if byte(text, at) == 93:
            state[0], state[1] = CLOSED, at + 1
            return
    while at < stop:
        if byte(text, at) != 123 or row >= len(images):
            return
        count_hard = state[4]
        at_record = at
        at = skip_space(text, at + 1)
        seen = np.int64(0)
        if len(called):
            called[row, 0] = called[row, 1] = 0
        if len(keys):
            keys[row, 1], keys[row, 2] = 0, at_record
            images[row] = labels[row] = -1
        value = np.nan
        flag = 0
        last = len(lengths)  # the previous field; none at first
        if byte(text, at) == 125:
            return
        while True:
            field = following[
                last
            ]  # the records of a file usually have the same fields in the same order
            if not is_field(text, at, names, field):
                field = len(lengths) - 1
                while field >= 0 and not is_field(text, at, names, field):
                    field -= 1
                if field < 0:
                    key_end = skip_string(text, at)
                    for i in range(at, key_end):
                        if byte(text, i) == 92:  # an escaped name might be that of a field
                            return
                else:
                    following[last] = field
            if field >= 0:
                last = field
                at = skip_space(text, at + lengths[field])
                if byte(text, at) != 58:
                    return
                at = skip_space(text, at + 1)
            else:
                at = skip_key(text, at)
                if at < 0:
                    return
            if field < 0 or not (wanted >> field) & 1:
                at = skip_value(text, at, powers, tens, scratch)
            else:
                if (seen >> field) & 1:  # a repeated field is left to the JSON parser
                    return
                seen |= np.int64(1) << field
                if field < 2 and len(keys) and byte(text, at) == 34:
                    begin_text = at + 1
                    at = skip_value(text, at, powers, tens, scratch)
                    if at > 0:
                        keys[row, field] = hash_text(text, begin_text, at - 1)
                        flag |= TEXT_IMAGE if field == 0 else TEXT_CATEGORY | CATEGORY_SEEN
                elif field == 0 or field == 1 or field == 5:
                    at = read_integer(text, at, integer)
                    if at < 0:
                        return
                    identity = integer[0]
                    if field == 0:
                        if identity != last_id or last_row < 0:
                            last_id = identity
                            last_row = find_row(image_keys, image_rows, identity)
                            if last_row < 0 and not len(keys):
                                return
                        images[row] = last_row
                    elif field == 1:
                        labels[row] = find_row(label_keys, label_rows, identity)
                    else:
                        ids[row] = identity
                    if field < 2 and len(keys):
                        keys[row, field] = identity
                        flag |= CATEGORY_SEEN if field == 1 else 0
                elif field == 2:
                    if byte(text, at) != 91:
                        return
                    for column in range(4):
                        at = skip_space(text, at + 1)
                        place = at
                        at, outcome, number = read_number(text, at, powers, tens, scratch)
                        if outcome == PLAIN:
                            boxes[row, column] = number
                        elif outcome == HARD and count_hard < len(hard):
                            hard[count_hard, 0] = place
                            hard[count_hard, 1] = row
                            hard[count_hard, 2] = column
                            count_hard += 1
                        else:
                            return
                        at = skip_space(text, at)
                        if byte(text, at) != (44 if column < 3 else 93):
                            return
                    at += 1
                elif field == 3 or field == 4:
                    place = at
                    at, outcome, number = read_number(text, at, powers, tens, scratch)
                    if outcome == PLAIN:
                        value = number
                    elif outcome == HARD and count_hard < len(hard):
                        hard[count_hard, 0] = place
                        hard[count_hard, 1] = row
                        hard[count_hard, 2] = 4
                        count_hard += 1
                    else:
                        return
                elif field > 8:
                    begin_text = at + 1
                    is_text = byte(text, at) == 34
                    at = skip_value(text, at, powers, tens, scratch)
                    if at > 0 and is_text:
                        called[row, field - 9] = hash_text(text, begin_text, at - 1)
                else:
                    set_flag, at = read_flag(text, at)
                    if set_flag < 0:
                        return
                    bit = 1 << (field - 6)
                    flag = (flag & ~bit) | (bit if set_flag == 1 else 0)
            if at < 0:
                return
            at = skip_space(text, at)
            if byte(text, at) == 125:
                at = skip_space(text, at + 1)
                break
            if byte(text, at) != 44:
                return
            at = skip_space(text, at + 1)
        if seen & required != required:
            return
        values[row] = value
        if len(flags):
            flags[row] = flag
        # The record counts as read once the next one is found, because the text may end in between.
        if byte(text, at) == 44:
            at = skip_space(text, at + 1)
            if byte(text, at) != 123:
                return
        elif byte(text, at) == 93:
            at += 1
            state[0] = CLOSED
        else:
            return
        always &= seen
        row += 1
        state[1], state[2], state[3], state[4] = at, row, always, count_hard
        if state[0] == CLOSED:
            return
    state[0] = STOPPED
