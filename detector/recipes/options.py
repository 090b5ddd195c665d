"""The options of a recipe: dataclasses that hold the default and the bounds of every field.

A recipe decides what a detector does and what its networks learn. The settings of the computer that
trains them (precision, memory, checkpoints) are in `detector.training_loop.machine`.

The YAML files and `--set` name the fields of a loop among those of the section that it trains:
`training.epochs` is `Recipe.training.loop.epochs`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, TypeVar

T = TypeVar("T")


def bounded(default: T, lowest: float, highest: float, *, may_be_empty: bool = True) -> T:
    """A field with bounds; the bounds of a tuple hold for each of its items."""
    return field(
        default=default,
        metadata={"bounds": (lowest, highest), "may_be_empty": may_be_empty},
    )


def one_of(*words: str) -> str:
    """A field that is one of these words; the first is the default."""
    return field(default=words[0], metadata={"words": words})


@dataclass(frozen=True)
class ProposalOptions:
    """Selective search (GoogLeNet paper, section 8: superpixels of twice R-CNN's size)."""

    # rcnn-fast is fast with R-CNN's superpixels
    mode: str = one_of("fast", "single", "rcnn-fast", "quality")
    width: int = bounded(500, 0, 10_000)  # pixels the photograph is resized to; 0 = not resized
    min_side: int = bounded(20, 0, 10_000)  # shortest side of a box, in pixels at that width

    def keywords(self) -> dict[str, Any]:
        """Arguments of `proposals.selective_search`, whose width is None if nothing is resized."""
        return {"mode": self.mode, "width": self.width or None, "min_side": self.min_side}


@dataclass(frozen=True)
class NetworkOptions:
    """How a photograph enters the networks, and which regions they classify."""

    # shared: one pass of the trunk over a photograph; warp: each region alone (the paper)
    mode: str = one_of("shared", "warp")
    short_side: int = bounded(576, 32, 4096)  # pixels; the trunk's stride is 16
    long_side: int = bounded(960, 32, 8192)  # pixels; limits the scale where it would be exceeded
    # Further scales as multiples of the short side; a region is read where its size suits best
    pyramid: tuple[float, ...] = bounded((), 0.1, 10)
    # The classifier also sees the region enlarged by these factors: shared mode
    context: tuple[float, ...] = bounded((), 1, 100)
    padding: int = bounded(16, 0, 96)  # warp mode: context on each side of a crop, pixels of 224
    keep: int = bounded(200, 0, 10**6)  # the likeliest objects are classified; 0 = all proposals
    # Regions that overlap a likelier one by more than this IoU are left out; 1 = none are
    keep_iou: float = bounded(1.0, 0.0, 1.0)
    # A threshold for each network but the last, in the order of evaluation. The proposer comes
    # first and has no vote. A region reaches the next network if its probability of any class,
    # times its objectness, exceeds the threshold. () = all networks with a vote see all regions
    cascade: tuple[float, ...] = bounded((), 0, 1)
    # Mean of the members' probabilities; the geometric one suits members that differ
    average: str = one_of("arithmetic", "geometric")
    mirror: bool = False  # average with the predictions for the mirrored photograph


@dataclass(frozen=True)
class PostprocessOptions:
    """From class probabilities and box deltas to detections."""

    # Exponent of objectness in every score; 0 = the class probability alone (the paper)
    objectness: float = bounded(1.0, 0.0, 10.0)
    regress: bool = True  # False leaves the boxes of the proposals as they are (the paper)
    nms_iou: float = bounded(0.3, 0.0, 1.0)  # R-CNN's
    evaluate_threshold: float = bounded(0.001, 0.0, 1.0)  # low, to keep the recall that mAP needs
    # Lowest score drawn; between 0.35 and 0.55 F1 hardly changes (voc20)
    visualize_threshold: float = bounded(0.4, 0.0, 1.0)
    max_detections: int = bounded(100, 1, 10**6)  # of a photograph, over all classes
    # The best boxes are scored a second time (He et al. 2015, appendix); 0 = none
    refine_boxes: int = bounded(60, 0, 10**6)
    # A kept box becomes the mean of the boxes that overlap it by more than this IoU; 0 = off
    vote_iou: float = bounded(0.5, 0.0, 1.0)


@dataclass(frozen=True)
class LoopOptions:
    """How a training loop changes weights, whatever it trains. The defaults are a detector's."""

    epochs: float = bounded(8.0, 0.0, 1e6)  # passes over the training photographs
    images_per_step: int = bounded(2, 1, 10**6)  # photographs per step of the optimizer
    optimizer: str = one_of("adamw", "sgd")  # sgd has momentum 0.9
    # cosine: down to 0; paper: 4 % less every 8 epochs (GoogLeNet paper, section 6)
    schedule: str = one_of("cosine", "paper")
    learning_rate: float = bounded(1e-4, 0.0, 100.0)
    head_factor: float = bounded(10.0, 0.0, 1e6)  # learning rate of new layers, as a multiple
    weight_decay: float = bounded(1e-4, 0.0, 1e3)
    warmup_steps: int = bounded(200, 0, 10**9)  # until the learning rate is at its peak
    averaging: float = bounded(0.999, 0.0, 1.0)  # decay of the weight average; 0 = off
    seed: int = bounded(0, 0, 2**31)


@dataclass(frozen=True)
class MultiBoxOptions:
    """MultiBox (arXiv 1312.2249) on the detector's trunk, whose weights stay as they are."""

    boxes: int = bounded(200, 0, 10**5)  # added to selective search; 0 = none
    loop: LoopOptions = LoopOptions(
        epochs=10.0, images_per_step=16, learning_rate=1e-3, head_factor=1.0, weight_decay=1e-3,
        warmup_steps=100, averaging=0.995,
    )  # fmt: skip


@dataclass(frozen=True)
class TrainingOptions:
    """Fine-tuning: shared mode as in Fast R-CNN (arXiv 1504.08083), warp as R-CNN (1311.2524)."""

    loop: LoopOptions = LoopOptions()
    members: int = bounded(1, 1, 1000)  # networks that vote; they differ in their random draws
    # The detector whose network is the start, whatever its classes; "" = the ImageNet weights
    initial: str = ""
    freeze: str = "conv2"  # last layer of Table 1 that keeps its initial weights; "" = none
    validation_fraction: float = bounded(0.1, 0.0, 0.9)
    # Shared mode: photographs are scaled to one of these short sides at random
    short_sides: tuple[int, ...] = bounded((448, 512, 576, 640, 704), 32, 4096, may_be_empty=False)
    images_per_scale: int = bounded(1, 1, 10**4)  # neighbours in a step that share a short side
    photometric: bool = False  # random brightness, contrast, saturation and hue
    random_interpolation: bool = False  # of resized photographs (GoogLeNet paper, section 6)
    regions_per_image: int = bounded(64, 1, 10**5)  # drawn to learn the classes
    foreground_fraction: float = bounded(0.25, 0.0, 1.0)  # largest share of objects among them
    # Shared mode: photographs of classes rarer than this are repeated (LVIS); 0 = off
    repeat_threshold: float = bounded(0.05, 0.0, 1.0)
    # Warp mode: 0 = all objects' windows are equally likely, 1 = all classes, 0.5 between
    class_balance: float = bounded(0.0, 0.0, 1.0)
    label_smoothing: float = bounded(0.0, 0.0, 0.9)  # share of the target spread over all classes
    box_weight: float = bounded(1.0, 0.0, 1e6)  # of the box loss relative to the class loss
    box_regression: bool = True  # warp mode: False learns no box deltas (the paper)
    # Warp mode: weight of each side classifier's loss; 0 = no side classifiers
    auxiliary_weight: float = bounded(0.3, 0.0, 1e3)


@dataclass(frozen=True)
class Recipe:
    """One detector, from photograph to detections and from data to weights."""

    name: str = "custom"
    description: str = ""
    weights: str = ""  # a file in detector/weights/, or a path
    more_weights: tuple[str, ...] = ()  # files whose networks vote as well
    proposer: str = ""  # warp mode: the detector that chooses regions (MultiBox, objectness)
    proposals: ProposalOptions = ProposalOptions()
    multibox: MultiBoxOptions = MultiBoxOptions()
    network: NetworkOptions = NetworkOptions()
    postprocess: PostprocessOptions = PostprocessOptions()
    training: TrainingOptions = TrainingOptions()

    def to_dict(self) -> dict[str, Any]:
        """Nested dicts and lists, as in YAML and in the metadata of weights."""
        return to_dict(self)


@dataclass(frozen=True)
class PretrainOptions:
    """`detect pretrain`: GoogLeNet as a classifier of whole pictures (the paper's section 6).

    What the paper leaves open (epochs, batch, rate, decay) follows BVLC's Caffe solver.
    """

    crop_side: int = bounded(224, 32, 1024)  # pixels
    loop: LoopOptions = LoopOptions(
        epochs=250.0, images_per_step=128, optimizer="sgd", schedule="paper", learning_rate=0.01,
        head_factor=1.0, weight_decay=2e-4, warmup_steps=0, averaging=0.9999,
    )  # fmt: skip


def to_dict(options: Any) -> dict[str, Any]:
    """Options as nested dicts and lists; the fields of a loop stand among those of its section."""
    content: dict[str, Any] = {}
    for item in fields(options):
        value = getattr(options, item.name)
        if item.name == "loop":
            content |= to_dict(value)
        elif is_dataclass(value):
            content[item.name] = to_dict(value)
        else:
            content[item.name] = list(value) if isinstance(value, tuple) else value
    return content
