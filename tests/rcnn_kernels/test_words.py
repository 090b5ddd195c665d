"""Eight bytes at once: compiled and plain agree, at any place."""

import numba
import numpy as np

from rcnn_kernels.words import compiled_load_word, load_word


def test_compiled_and_plain_agree_at_any_place():
    text = np.random.default_rng(0).integers(0, 256, 60, dtype=np.uint8)
    compiled = compiled_load_word()

    @numba.njit
    def at(text, place):
        return compiled(text, place)

    for place in range(52):
        expected = int.from_bytes(text[place : place + 8].tobytes(), "little")
        assert load_word(text, place) == at(text, place) == expected
