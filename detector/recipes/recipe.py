"""A recipe: everything that decides what a detector does, in plain dataclasses.

A YAML file sets only what differs from the defaults below. An unknown key or a value of the wrong
kind is an error that names the file, the key and the nearest right one. Recipes do not inherit.
"""

from __future__ import annotations

import contextlib
import typing
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

from detector.errors import DetectorError
from detector.recipes.checks import check, suggest

# Installed, the folder configs/ lies inside this package; in a checkout it lies beside it
RECIPE_FOLDER = next(
    folder
    for folder in (Path(__file__).parents[1] / "configs", Path(__file__).parents[2] / "configs")
    if folder.is_dir()
)
DEFAULT = "pair"  # the recipe of a detector that nobody named


@dataclass(frozen=True)
class ProposalOptions:
    """Selective search (GoogLeNet paper, section 8: superpixel size doubled)."""

    mode: str = "fast"  # single, fast, rcnn-fast or quality
    superpixel_scale: float = 2.0  # 1.0 = R-CNN, 2.0 = GoogLeNet
    width: int = 500  # pixels the photograph is resized to; 0 = as it is
    min_side: int = 20  # pixels at that width
    seed: int = 0


@dataclass(frozen=True)
class MultiBoxOptions:
    """MultiBox (arXiv 1312.2249) on the detector's trunk, which stays as it is."""

    boxes: int = 200  # added to selective search (GoogLeNet paper, section 8); 0 = none
    epochs: float = 10.0  # passes over the training photographs
    images_per_step: int = 16  # photographs that a step of the optimizer learns from
    alpha: float = 1.0  # weight of the location loss, in units of the priors' deviation
    extra_iou: float = 0.5  # priors this near an object learn it too; 0 = one to one, as published
    optimizer: str = "adamw"
    schedule: str = "cosine"
    precision: str = "auto"
    learning_rate: float = 1e-3
    head_factor: float = 1.0
    weight_decay: float = 1e-3
    warmup_steps: int = 100  # over which the learning rate rises to its full height
    gradient_clip: float = 10.0  # longest gradient; 0 = any
    averaging: float = 0.995  # decay of the weight average; 0 = off
    checkpoint_minutes: float = 5.0
    seed: int = 0


@dataclass(frozen=True)
class NetworkOptions:
    """How the photograph enters the network, and how many regions get the full head."""

    short_side: int = 576  # pixels; the trunk's stride is 16
    long_side: int = 960  # pixels; wins where both cannot hold
    pyramid: tuple[float, ...] = ()  # scales besides, as multiples: a region is read where it suits
    context: tuple[float, ...] = ()  # what is around a region is seen this many times larger, too
    keep: int = 200  # likeliest objects that go through 5a and 5b; 0 = all proposals
    keep_iou: float = 1.0  # regions over this IoU with a likelier one are left out; 1 = none are
    # A score for each network but the last, in the order they are asked, the proposer (which has no
    # vote) first: a region goes on to the next if its probability of any class, times objectness,
    # is over it. () = all that have a vote see all regions
    cascade: tuple[float, ...] = ()
    mirror: bool = False  # see the photograph mirrored too, and average
    mode: str = "shared"  # one trunk pass a photograph; warp = every region alone (the paper)
    padding: int = 16  # warp mode: pixels of a crop on each side of its box, of 224
    average: str = "arithmetic"  # mean of the members' probabilities; unlike ones like geometric


@dataclass(frozen=True)
class PostprocessOptions:
    """From class probabilities and box deltas to detections."""

    objectness: float = 1.0  # its exponent in every score; 0 = the class's alone (the paper)
    regress: bool = True  # False leaves boxes the proposals they were, as the paper did
    nms_iou: float = 0.3  # R-CNN's
    evaluate_threshold: float = 0.001  # keeps recall for mAP
    visualize_threshold: float = 0.4  # of all from .35 to .55 F1 is much the same (voc20)
    max_detections: int = 100  # of a photograph, all classes together
    refine_boxes: int = 60  # best boxes, scored again (He et al. 2015, appendix); 0 = none
    vote_iou: float = 0.5  # 0 = off; else boxes over this IoU average into the kept one


@dataclass(frozen=True)
class TrainingOptions:
    """Fine-tuning, shared as Fast R-CNN does it (arXiv 1504.08083), warp as R-CNN (1311.2524)."""

    epochs: float = 8.0  # passes over the training photographs
    members: int = 1  # networks that vote; they differ in what they happen to draw
    images_per_step: int = 2  # photographs that a step of the optimizer learns from
    images_per_part: int = 1  # shared mode: of one pass; torchrun deals out the passes of a step
    regions_per_image: int = 64  # that are drawn to learn the classes from
    foreground_fraction: float = 0.25  # of them: at most so many are objects
    foreground_iou: float = 0.5  # with an object, from which a region is one
    hard_fraction: float = 0.5  # of the background: the likeliest objects; shared mode
    objectness_regions: int = 256  # regions per image that train the objectness score
    short_sides: tuple[int, ...] = (448, 512, 576, 640, 704)
    flip: bool = True  # learn mirrored photographs too, one time in two
    photometric: bool = False  # brightness, contrast, saturation, hue at random
    random_interpolation: bool = False  # in scaling (GoogLeNet paper, section 6)
    # Whose network learning begins with, whatever its classes; "" = the ImageNet weights
    initial: str = ""
    label_smoothing: float = 0.0  # share of the target spread over all classes
    freeze: str = "conv2"  # last layer of Table 1 that keeps its initial weights; "" = none
    optimizer: str = "adamw"  # or sgd, with momentum .9
    schedule: str = "cosine"  # or paper: 4 % less every 8 epochs (GoogLeNet paper, section 6)
    precision: str = "auto"  # bf16, fp32; auto = bf16 where the device computes in it
    learning_rate: float = 1e-4
    head_factor: float = 10.0  # learning rate of the new layers, as a multiple
    weight_decay: float = 1e-4
    warmup_steps: int = 200  # over which the learning rate rises to its full height
    gradient_clip: float = 10.0  # longest gradient; 0 = any
    box_weight: float = 1.0  # of the boxes' loss against the classes'
    # Warp mode: a step is images_per_step * regions_per_image crops, over all photographs
    crops_per_pass: int = 32  # of one forward and backward pass; torchrun deals out a step's passes
    box_regression: bool = True  # False leaves the proposals' boxes as they are (the paper)
    auxiliary_weight: float = 0.3  # of each side classifier's loss; 0 = none
    class_balance: float = 0.0  # 0 = every object's window alike, 1 = every class, 0.5 between
    memory_gb: float = 4.0  # of decoded photographs that are held; others are read each time
    averaging: float = 0.999  # decay of the weight average; 0 = off
    repeat_threshold: float = 0.05  # shared mode: rare classes come more often (LVIS); 0 = off
    validation_fraction: float = 0.1
    checkpoint_minutes: float = 5.0
    seed: int = 0


@dataclass(frozen=True)
class PretrainOptions:
    """`detect pretrain`: GoogLeNet as classifier of whole pictures (the paper's section 6).

    What the paper leaves open (epochs, batch, rate, decay) follows BVLC's Caffe solver.
    """

    epochs: float = 250.0
    images_per_step: int = 128
    images_per_part: int = 32  # of one pass; torchrun deals out the passes of a step
    crop_side: int = 224  # pixels
    photometric: bool = True  # brightness, contrast, saturation, hue
    random_interpolation: bool = True
    auxiliary_weight: float = 0.3  # of each side classifier's loss
    optimizer: str = "sgd"  # or adamw
    schedule: str = "paper"  # rate times .96 every 8 epochs; or cosine
    precision: str = "auto"
    learning_rate: float = 0.01
    head_factor: float = 1.0
    weight_decay: float = 2e-4
    warmup_steps: int = 0
    gradient_clip: float = 10.0  # longest gradient; 0 = any
    averaging: float = 0.9999  # decay of the Polyak average that is the final model; 0 = off
    validation_fraction: float = 0.1  # held out where there is no validation folder
    checkpoint_minutes: float = 5.0
    seed: int = 0


@dataclass(frozen=True)
class Recipe:
    """One detector, from photograph to detections and from data to weights."""

    name: str = "custom"
    description: str = ""
    weights: str = ""  # a file in detector/weights/, or a path
    more_weights: tuple[str, ...] = ()  # files whose networks vote too
    proposer: str = ""  # a detector that chooses the regions of warp mode (MultiBox, objectness)
    proposals: ProposalOptions = field(default_factory=ProposalOptions)
    multibox: MultiBoxOptions = field(default_factory=MultiBoxOptions)
    network: NetworkOptions = field(default_factory=NetworkOptions)
    postprocess: PostprocessOptions = field(default_factory=PostprocessOptions)
    training: TrainingOptions = field(default_factory=TrainingOptions)
    pretrain: PretrainOptions = field(default_factory=PretrainOptions)

    def to_dict(self) -> dict[str, Any]:
        """Plain nested dict, as it stands in the metadata of weights."""
        return asdict(self)


def recipe_names() -> list[str]:
    """Names of the recipes that ship."""
    return sorted(path.stem for path in RECIPE_FOLDER.glob("*.yaml"))


def load_recipe(name: str | Path) -> Recipe:
    """Read a recipe by the name of one that ships ("voc20") or by the path of a YAML file.

    Raises
    ------
    DetectorError
        Unknown name, unreadable file, unknown key, wrong kind of value.
    """
    import yaml

    path = Path(name)
    if path.suffix not in (".yaml", ".yml"):
        path = RECIPE_FOLDER / f"{name}.yaml"
        if not path.is_file():
            raise DetectorError(
                f"recipe {str(name)!r}: no such recipe{suggest(str(name), recipe_names())}"
            )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DetectorError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DetectorError(f"{path}: not valid YAML ({' '.join(str(error).split())})") from None
    return recipe_from_dict(content or {}, where=str(path))


def recipe_from_dict(content: Any, where: str = "recipe") -> Recipe:
    """Fill the dataclasses from nested dicts; `where` opens every error message."""
    recipe = _fill(Recipe, content, where)
    check(recipe, where)
    return recipe


def _fill(kind: type[Any], content: Any, where: str) -> Any:
    if not isinstance(content, dict):
        raise DetectorError(f"{where}: expected keys and values, got {content!r}")
    kinds = typing.get_type_hints(kind)
    known = [item.name for item in fields(kind)]
    if where.partition(": ")[2].startswith("recipe"):
        # For as long as options are being deleted, the weights that ship may name more of them
        content = {key: value for key, value in content.items() if key in known}
    for key in content:
        if key not in known:
            raise DetectorError(f"{where}: unknown key {key!r}{suggest(str(key), known)}")
    return kind(**{key: _convert(kinds[key], v, f"{where}: {key}") for key, v in content.items()})


def _convert(kind: Any, value: Any, where: str) -> Any:
    if is_dataclass(kind):
        return _fill(typing.cast(type[Any], kind), value, where)
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list | tuple):
            raise DetectorError(f"{where}: expected a list such as [448, 512], got {value!r}")
        return tuple(_convert(typing.get_args(kind)[0], item, where) for item in value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is float and isinstance(value, str):  # YAML 1.1 takes 5e-5, without a point, for text
        with contextlib.suppress(ValueError):
            return float(value)
    if isinstance(value, bool) and where.endswith(": objectness"):  # a switch in older recipes
        return float(value)
    if type(value) is not kind:
        raise DetectorError(f"{where}: expected {kind.__name__}, got {value!r}")
    return value
