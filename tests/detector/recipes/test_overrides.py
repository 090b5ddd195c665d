"""`--set`: single values of a recipe from the command line."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.errors import DetectorError
from detector.recipes import NetworkOptions, Recipe, override


def test_values_are_those_of_yaml() -> None:
    settings = [
        "network.mirror=true",
        "network.pyramid=[0.75, 1.5]",
        "training.learning_rate=5e-5",
        "training.initial=runs/six",
        "name=mine",
    ]
    changed = override(Recipe(), settings)
    assert changed.network.mirror is True
    assert changed.network.pyramid == (0.75, 1.5)
    assert changed.training.loop.learning_rate == 5e-5
    assert (changed.training.initial, changed.name) == ("runs/six", "mine")
    assert changed.postprocess == Recipe().postprocess


@settings(deadline=None)
@given(st.integers(1, 10**6), st.integers(32, 4096))
def test_the_last_of_two_counts_and_nothing_else_moves(keep: int, side: int) -> None:
    settings = [f"network.short_side={side}", "network.keep=1", f"network.keep={keep}"]
    expected = replace(Recipe(), network=NetworkOptions(short_side=side, keep=keep))
    assert override(Recipe(), settings) == expected


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("network.miror=true", ["miror", "did you mean 'mirror'"]),
        ("netwrok.mirror=true", ["netwrok", "did you mean 'network'"]),
        ("network.mirror=perhaps", ["mirror", "expected bool", "perhaps"]),
        ("network.short_side=0", ["network.short_side is 0", "use 32 to"]),
        ("network.mirror", ["SECTION.KEY=VALUE"]),
        ("name.first=a", ["name: expected str"]),
        ("=3", ["SECTION.KEY=VALUE"]),
        ("network=3", ["network", "expected keys and values"]),
        ("network.pyramid=[1", ["not YAML"]),
        ("training.short_sides=448", ["short_sides", "a list"]),
    ],
)
def test_a_wrong_setting_is_named(setting: str, words: list[str]) -> None:
    with pytest.raises(DetectorError) as caught:
        override(Recipe(), [setting])
    message = str(caught.value)
    assert message.startswith("--set") and "\n" not in message
    assert all(word in message for word in words), message
