"""What the values of a recipe may be, and what is said of one that may not."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from detector.errors import DetectorError

if TYPE_CHECKING:
    from detector.recipes.recipe import Recipe

LOOPS = ("training", "multibox", "pretrain")  # sections that train
LOOP_WORDS = {
    "optimizer": ["adamw", "sgd"],
    "schedule": ["cosine", "paper"],
    "precision": ["auto", "bf16", "fp32"],
}
LOOP_BOUNDS = (  # of all of them
    ("learning_rate", 0.0, 100.0),
    ("head_factor", 0.0, 1e6),
    ("weight_decay", 0.0, 1e3),
    ("warmup_steps", 0, 10**9),
    ("gradient_clip", 0.0, 1e9),
    ("averaging", 0.0, 1.0),
    ("checkpoint_minutes", 0.0, 1e6),
    ("seed", 0, 2**31),
)
BOUNDS = (  # section, key, lowest, highest
    ("proposals", "superpixel_scale", 1e-3, 1e3),
    ("proposals", "width", 0, 10_000),
    ("proposals", "min_side", 0, 10_000),
    ("proposals", "seed", 0, 2**31),
    ("multibox", "boxes", 0, 10**5),
    ("multibox", "epochs", 0.0, 1e6),
    ("multibox", "images_per_step", 1, 10**4),
    ("multibox", "extra_iou", 0.0, 1.0),
    ("multibox", "alpha", 0.0, 1e6),
    ("network", "short_side", 32, 4096),
    ("network", "long_side", 32, 8192),
    ("network", "keep", 0, 10**6),
    ("network", "keep_iou", 0.0, 1.0),
    ("network", "padding", 0, 96),
    ("postprocess", "objectness", 0.0, 10.0),
    ("postprocess", "nms_iou", 0.0, 1.0),
    ("postprocess", "evaluate_threshold", 0.0, 1.0),
    ("postprocess", "visualize_threshold", 0.0, 1.0),
    ("postprocess", "max_detections", 1, 10**6),
    ("postprocess", "refine_boxes", 0, 10**6),
    ("postprocess", "vote_iou", 0.0, 1.0),
    ("training", "epochs", 0.0, 1e6),
    ("training", "members", 1, 1000),
    ("training", "images_per_step", 1, 10**4),
    ("training", "regions_per_image", 1, 10**5),
    ("training", "foreground_fraction", 0.0, 1.0),
    ("training", "foreground_iou", 1e-3, 1.0),
    ("training", "hard_fraction", 0.0, 1.0),
    ("training", "objectness_regions", 1, 10**6),
    ("training", "images_per_part", 1, 10**5),
    ("training", "crops_per_pass", 1, 10**5),
    ("training", "box_weight", 0.0, 1e6),
    ("training", "repeat_threshold", 0.0, 1.0),
    ("training", "auxiliary_weight", 0.0, 1e3),
    ("training", "class_balance", 0.0, 1.0),
    ("training", "memory_gb", 0.0, 1e6),
    ("training", "validation_fraction", 0.0, 0.9),
    ("training", "label_smoothing", 0.0, 0.9),
    ("pretrain", "epochs", 0.0, 1e6),
    ("pretrain", "images_per_step", 1, 10**6),
    ("pretrain", "images_per_part", 1, 10**5),
    ("pretrain", "crop_side", 32, 1024),
    ("pretrain", "auxiliary_weight", 0.0, 10.0),
    ("pretrain", "validation_fraction", 0.0, 0.9),
)

LISTS = (  # of `network`: key, lowest and highest of what they may hold
    ("pyramid", 0.1, 10),
    ("context", 1, 100),
    ("cascade", 0, 1),
)
NETWORK_WORDS = {"mode": ["shared", "warp"], "average": ["arithmetic", "geometric"]}


def check(recipe: Recipe, where: str) -> None:
    """Refuse values out of bounds and unknown words; `where` opens every message."""
    if not recipe.training.short_sides:
        raise DetectorError(f"{where}: training.short_sides: expected a list such as [448, 512]")
    for side in recipe.training.short_sides:
        if not 32 <= side <= 4096:
            raise DetectorError(f"{where}: training.short_sides holds {side}; use 32 to 4096")
    for key, least, most in LISTS:
        for scale in getattr(recipe.network, key):
            if not least <= scale <= most:
                raise DetectorError(f"{where}: network.{key} holds {scale}; use {least} to {most}")
    loops = ((section, *bound) for section in LOOPS for bound in LOOP_BOUNDS)
    for section, key, low, high in (*BOUNDS, *loops):
        value = getattr(getattr(recipe, section), key)
        if not low <= value <= high:
            raise DetectorError(f"{where}: {section}.{key} is {value}; use {low} to {high}")

    for key, words in NETWORK_WORDS.items():
        word = getattr(recipe.network, key)
        if word not in words:
            raise DetectorError(f"{where}: network.{key} is {word!r}{suggest(word, words)}")
    if recipe.network.mode == "warp" and recipe.network.context:
        raise DetectorError(
            f"{where}: network.context needs network.mode shared; in warp mode set it to []"
        )
    if recipe.network.mode == "shared" and recipe.network.padding != 16:
        raise DetectorError(f"{where}: network.padding needs network.mode warp; leave it out")
    for section in LOOPS:
        for key, words in LOOP_WORDS.items():
            value = getattr(getattr(recipe, section), key)
            if value not in words:
                raise DetectorError(f"{where}: {section}.{key} is {value!r}{suggest(value, words)}")


def suggest(word: str, known: list[str]) -> str:
    """The end of a message: the nearest right word, or all of them."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; use one of: {', '.join(known)}"
