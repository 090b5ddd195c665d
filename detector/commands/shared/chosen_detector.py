"""The detector and the proposals that command-line options choose."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detector.commands.shared.options import MODES
from detector.errors import DetectorError, UsageError

if TYPE_CHECKING:
    from detector.pipeline import Detector

# Sections and keys of a recipe that take effect before a detector runs
SETTLED = ("weights", "more_weights", "proposer", "training")


def load_detector(
    recipe: str | None,
    weights: Path | None,
    device: str | None,
    settings: Sequence[str] = (),
    engine: str | None = None,
) -> Detector:
    """Load the detector of --recipe and --weights on --device by --engine; None is the default.

    Parameters
    ----------
    settings
        Values of the recipe to override, "network.mirror=true", in a detector that is run as it
        was trained.

    Raises
    ------
    DetectorError
        Missing weights, an unknown recipe, or a setting that the weights do not allow.
    """
    _check_effect(settings)
    check_device(device)
    from detector.loading import choose_device
    from detector.networks.engine import choose_engine
    from detector.pipeline import Detector
    from detector.recipes import DEFAULT, override

    try:
        choose_engine(engine or "auto", choose_device(device))
    except DetectorError as error:  # "engine openvino: ..."
        raise UsageError(f"--{error}") from None
    detector = Detector.load(
        recipe or weights or DEFAULT, weights=weights, device=device, engine=engine or "auto"
    )
    if settings:
        detector.recipe = override(detector.recipe, settings)
        _check_learned(detector, settings)
    return detector


def class_names_of(recipe: str | None, weights: Path | None) -> tuple[str, ...]:
    """The classes of the detector that `load_detector` would load, read without its networks.

    Raises
    ------
    DetectorError
        Missing weights, or an unknown recipe.
    """
    from detector.recipes import DEFAULT
    from detector.weights_file import load_info
    from detector.weights_places import find_weights

    _, path = find_weights(recipe or weights or DEFAULT, weights)
    return load_info(path).class_names


def use_search_mode(detector: Detector, mode: str, *, alone: bool) -> None:
    """Let a detector search in another mode of selective search; `alone` is without MultiBox."""
    options = replace(detector.recipe.proposals, mode=mode)
    detector.recipe = replace(detector.recipe, proposals=options)
    if alone:
        no_boxes = replace(detector.recipe.multibox, boxes=0)
        detector.recipe = replace(detector.recipe, multibox=no_boxes)


def check_device(device: str | None) -> None:
    """Refuse a device that this machine lacks, before any work begins."""
    if device:
        from detector.loading import choose_device

        try:
            choose_device(device)
        except DetectorError as error:  # "device cuda:9: ..."
            raise UsageError(f"--{error}") from None


def _keys(settings: Sequence[str]) -> list[str]:
    return sorted({setting.partition("=")[0] for setting in settings})


def _check_effect(settings: Sequence[str]) -> None:
    """Refuse settings that have no effect on a trained detector."""
    for key in _keys(settings):
        if key.partition(".")[0] in SETTLED:
            raise UsageError(
                f"--set {key}: has no effect on a trained detector; leave it out, or write it into "
                "a recipe file"
            )


def _check_learned(detector: Detector, settings: Sequence[str]) -> None:
    """Refuse settings that trained weights fix: their mode, and the context they learned with.

    Only values of --set are checked, for a recipe may have been written for other weights.
    """
    mode = detector.recipe.network.mode
    modes = sorted({member.mode for member in detector.members} - {"proposer"})
    keys = set(_keys(settings))
    if "network.mode" in keys and modes != [mode]:
        raise DetectorError(
            f"--set network.mode={mode}: these weights were trained in mode {' and '.join(modes)}; "
            "leave it out or give other --weights"
        )
    for key in sorted(keys & {"network.context", "network.padding"}):
        raise DetectorError(
            f"--set {key}: the weights determine what a network sees around a region; leave it "
            "out or give other --weights"
        )


def own_proposals(word: str | None) -> Callable[[Path], Any]:
    """Function from a picture's path to the boxes that the file `word` holds for it.

    The function returns None, which makes the detector search, if `word` is None or a mode of
    selective search.
    """
    if word is None or word in MODES:
        return lambda path: None
    from detector.proposing.own_boxes import OwnBoxes

    try:
        return OwnBoxes(Path(word))
    except FileNotFoundError:
        modes = ", ".join(MODES)
        raise DetectorError(
            f"--proposals {word}: neither a mode ({modes}) nor a file; check the name"
        ) from None


def name_of_weights(weights: Path) -> str:
    """A run folder's name, or a weights file's name without suffix."""
    is_run = weights.is_dir() or weights.name == "weights.safetensors"
    folder = weights if weights.is_dir() else weights.resolve().parent
    return folder.resolve().name if is_run else weights.stem
