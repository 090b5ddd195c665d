"""Compiled and plain loads of eight bytes agree at any position."""

import numba
import numpy as np

from rcnn_kernels.words import compiled_load_word, load_word


def test_compiled_and_plain_agree_at_any_position():
    text = np.random.default_rng(0).integers(0, 256, 60, dtype=np.uint8)
    compiled = compiled_load_word()

    @numba.njit
    def at(text, place):
        return compiled(text, place)

    for place in range(52):
        expected = int.from_bytes(text[place : place + 8].tobytes(), "little")
        assert load_word(text, place) == at(text, place) == expected
