"""Checks before training begins: options and detectors that do not fit one another."""

from __future__ import annotations

from detector.errors import DetectorError
from detector.networks.ensemble import voters
from detector.pipeline import Detector
from detector.recipes import NetworkOptions, Recipe, TrainingOptions
from eval import Dataset

# Options of `training` that a mode lacks, with the value that describes its behaviour
WITHOUT_OPTION: dict[str, dict[str, bool | float]] = {
    "shared": {"box_regression": True, "auxiliary_weight": 0.0, "class_balance": 0.0},
    "warp": {"repeat_threshold": 0.0},
}


def check_fit(recipe: Recipe, dataset: Dataset, start: Detector | None, part: str) -> None:
    """Refuse a recipe, a data set and an initial detector that do not fit one another.

    Raises
    ------
    DetectorError
        Other classes; an option that the mode would ignore; an ensemble to start from; no trunk
        for MultiBox.
    """
    if start is not None:
        check_classes(dataset, start, part)
    if part == "multibox":
        check_has_trunk(recipe, start)
        return
    check_mode(recipe)
    if start is not None:
        check_is_one(start, "--weights")


def check_mode(recipe: Recipe) -> None:
    """Refuse an option that the recipe's mode would ignore, unless it has its default."""
    mode = recipe.network.mode
    for key in () if recipe.proposer or mode == "shared" else ("keep", "keep_iou"):
        if getattr(recipe.network, key) not in (0, getattr(NetworkOptions(), key)):
            raise DetectorError(
                f"recipe {recipe.name!r}: network.{key} ranks regions by objectness, which a warp "
                "network lacks; set proposer=voc20 or leave it out"
            )
    for key, without in WITHOUT_OPTION[mode].items():
        value = getattr(recipe.training, key)
        if value not in (without, getattr(TrainingOptions(), key)):
            raise DetectorError(
                f"recipe {recipe.name!r}: training.{key} is {value!r}, but network.mode {mode} "
                "has no such option; leave it out or use the other mode"
            )


def check_classes(dataset: Dataset, start: Detector, part: str) -> None:
    """Refuse a data set whose classes are not those of the detector that training continues."""
    if start.info.class_names == dataset.class_names:
        return
    remedy = (
        "give --weights of a detector trained on them"
        if part == "multibox"
        else "leave out --weights; --set training.initial=FILE starts from its network alone"
    )
    raise DetectorError(
        f"{dataset.source}: its classes are not those of the detector to start from; {remedy}"
    )


def check_is_one(detector: Detector, where: str) -> None:
    """Refuse an ensemble as the start: all but one of its networks would be lost."""
    count = len(voters(detector.members))
    if count > 1:
        raise DetectorError(
            f"{where}: {count} networks, but training starts from one; give the weights of one of "
            "them, or leave it out"
        )


def check_has_trunk(recipe: Recipe, start: Detector | None) -> None:
    """Refuse to train MultiBox without maps of whole photographs, or for no boxes."""
    reads_crops = start is not None and start.members[0].mode == "warp"
    if reads_crops or recipe.network.mode == "warp" or not recipe.multibox.boxes:
        raise DetectorError(
            f"recipe {recipe.name!r}: has no MultiBox to train; "
            "use weights and network.mode shared, and multibox.boxes over 0"
        )
