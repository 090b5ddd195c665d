"""Read numbers of JSON text in compiled code, correctly rounded and without Python objects.

The conversion from decimal to double follows D. Lemire, "Number Parsing at a Gigabyte per Second"
(2021): the product of the digits and a 128-bit power of five determines the nearest double. Numbers
outside its fast range (more than 19 digits, exponents beyond 60) are left to Python's float.

Text is an array of bytes followed by NULS NULs. No rule of JSON accepts a NUL, so the code need not
test for the end of the text.
"""

from __future__ import annotations

import numpy as np

from rcnn_kernels import helper, load_word, subroutine

NULS = 16
MAX_POWER = 60
# Outcomes of read_number.
PLAIN, HARD, WRONG = 0, 1, 2

_MINUS, _PLUS, _POINT, _ZERO, _NINE = 45, 43, 46, 48, 57
_SMALL_E, _LARGE_E = 101, 69


def _powers_of_five() -> np.ndarray:
    """(2 * MAX_POWER + 1, 2) uint64: the leading 128 bits of 5^q, high word first.

    Truncated for q >= 0, rounded up for the reciprocals.
    """
    rows = []
    for q in range(-MAX_POWER, MAX_POWER + 1):
        power = 5 ** abs(q)
        if q >= 0:
            length = power.bit_length()
            bits = power << (128 - length) if length <= 128 else power >> (length - 128)
        else:
            scale = power.bit_length() + 128
            bits = (1 << scale) // power
            extra = bits.bit_length() - 128
            bits = (bits >> extra) + 1
        rows.append((bits >> 64, bits & (2**64 - 1)))
    return np.array(rows, dtype=np.uint64)


POWERS_OF_FIVE = _powers_of_five()
POWERS_OF_TEN = 10.0 ** np.arange(23)  # all are exact


_EIGHT_ZEROS = 0x3030303030303030
_HIGH_BITS = 0x8080808080808080
_LOW_BITS = 0x0101010101010101
_POWERS = np.array([10**n for n in range(9)], dtype=np.uint64)


@helper
def byte(text, at):  # type: ignore[no-untyped-def]
    """text[at]; the unsigned index omits the code for negative ones."""
    return text[np.uint64(at)]


@helper
def skip_digits(text, at, digits):  # type: ignore[no-untyped-def]
    """The place after the digits at `at`, and the uint64 `digits` with them appended (modulo 2^64).

    Eight digits are read at a time without a branch for each, because their number is hard to
    predict.
    """
    while True:
        word = load_word(text, at) ^ np.uint64(_EIGHT_ZEROS)
        # The high bit is set in the first byte that is no digit, and possibly in later bytes.
        others = (word + np.uint64(0x7676767676767676)) | word
        others &= np.uint64(_HIGH_BITS)
        if others == np.uint64(0):
            digits = digits * np.uint64(100000000) + eight_digits(word)
            at += 8
            continue
        below = (others & (~others + np.uint64(1))) - np.uint64(1)
        count = (((below & np.uint64(_LOW_BITS)) * np.uint64(_LOW_BITS)) >> np.uint64(56)) - (
            np.uint64(1)
        )
        if count == np.uint64(0):
            return at, digits
        word = word << (np.uint64(64) - (count << np.uint64(3)))
        return at + np.int64(count), digits * _POWERS[count] + eight_digits(word)


@helper
def eight_digits(word):  # type: ignore[no-untyped-def]
    """The number whose digits are the bytes of a word, the lowest byte first."""
    word = (word * np.uint64(10) + (word >> np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
    word = (word * np.uint64(100) + (word >> np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
    return (word * np.uint64(10000) + (word >> np.uint64(32))) & np.uint64(0xFFFFFFFF)


@helper
def multiply_high(a, b):  # type: ignore[no-untyped-def]
    """High and low 64 bits of the product of two uint64."""
    half, low = np.uint64(32), np.uint64(0xFFFFFFFF)
    a1, a0, b1, b0 = a >> half, a & low, b >> half, b & low
    p00, p01, p10, p11 = a0 * b0, a0 * b1, a1 * b0, a1 * b1
    middle = (p00 >> half) + (p01 & low) + (p10 & low)
    high = p11 + (p01 >> half) + (p10 >> half) + (middle >> half)
    return high, (middle << half) | (p00 & low)


@helper
def leading_zeros(word):  # type: ignore[no-untyped-def]
    """The number of zero bits above the highest one of a uint64 other than 0."""
    count = 0
    for step in (32, 16, 8, 4, 2, 1):
        if word >> np.uint64(64 - step) == np.uint64(0):
            word = word << np.uint64(step)
            count += step
    return count


@helper
def double_bits(digits, power, powers):  # type: ignore[no-untyped-def]
    """The bits (uint64) of the double nearest to digits * 10^power; digits is a uint64 above 0."""
    shift = leading_zeros(digits)
    word = digits << np.uint64(shift)
    high, low = multiply_high(word, powers[power + MAX_POWER, 0])
    if high & np.uint64(0x1FF) == np.uint64(0x1FF):
        more, _ = multiply_high(word, powers[power + MAX_POWER, 1])
        low = low + more
        if low < more:
            high = high + np.uint64(1)
    top = np.int64(high >> np.uint64(63))
    cut = np.uint64(top + 9)
    mantissa = high >> cut
    exponent = ((217706 * power) >> 16) + 63 + top - shift + 1023
    # A value exactly between two doubles rounds to the even one.
    if (
        low <= np.uint64(1)
        and -4 <= power <= 23
        and mantissa & np.uint64(3) == np.uint64(1)
        and (mantissa << cut) == high
    ):
        mantissa = mantissa & ~np.uint64(1)
    mantissa = (mantissa + (mantissa & np.uint64(1))) >> np.uint64(1)
    if mantissa >= np.uint64(1 << 53):
        mantissa = np.uint64(1 << 52)
        exponent += 1
    hidden = np.uint64((1 << 52) - 1)
    return (mantissa & hidden) | (np.uint64(exponent) << np.uint64(52))


@subroutine
def read_number(text, at, powers, tens, scratch):  # type: ignore[no-untyped-def]
    """Read the number at `at`; scratch is (1,) uint64.

    Returns the place after it, an outcome (PLAIN, HARD: left to Python, or WRONG: no JSON number),
    and its value.
    """
    negative = byte(text, at) == _MINUS
    if negative:
        at += 1
    first = at
    at, digits = skip_digits(text, at, np.uint64(0))
    significant = at - first
    if at == first or (byte(text, first) == _ZERO and at > first + 1):
        return at, WRONG, 0.0
    power = 0
    if byte(text, at) == _POINT:
        at += 1
        point = at
        at, digits = skip_digits(text, at, digits)
        if at == point:
            return at, WRONG, 0.0
        power = point - at
        significant += at - point
    if significant > 19:
        # Leading zeros are not significant.
        place = first
        while byte(text, place) == _ZERO or byte(text, place) == _POINT:
            significant -= 1 if byte(text, place) == _ZERO else 0
            place += 1
    if byte(text, at) == _SMALL_E or byte(text, at) == _LARGE_E:
        at += 1
        falling = byte(text, at) == _MINUS
        if falling or byte(text, at) == _PLUS:
            at += 1
        begin, exponent = at, 0
        while _ZERO <= byte(text, at) <= _NINE:
            if exponent < 100000:
                exponent = exponent * 10 + (byte(text, at) - _ZERO)
            at += 1
        if at == begin:
            return at, WRONG, 0.0
        power += -exponent if falling else exponent
        if exponent >= 100000:
            return at, HARD, 0.0
    if significant > 19:
        return at, HARD, 0.0
    if digits < np.uint64(1 << 53) and -22 <= power <= 22:
        # Both factors are exact, so one rounding gives the nearest double.
        value = np.float64(digits)
        value = value / tens[-power] if power < 0 else value * tens[power]
        return at, PLAIN, -value if negative else value
    if digits == np.uint64(0):
        return at, PLAIN, -0.0 if negative else 0.0
    if not -MAX_POWER <= power <= MAX_POWER:
        return at, HARD, 0.0
    scratch[0] = double_bits(digits, power, powers)
    value = scratch.view(np.float64)[0]
    return at, PLAIN, -value if negative else value
