"""`detect export`: write each graph of a detector, and compare it with torch on photographs."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from detector.errors import DetectorError
from detector.exporting.plan import Graph, graphs_of
from detector.networks.googlenet import MEAN_BGR
from detector.networks.pyramid import scaled_pictures
from detector.networks.warp import make_atlas, shrink_for_warp, warp_regions
from detector.pipeline import Detector
from proposals.whole_files import replacing

OPSET = 17  # of ONNX; RoIAlign with half pixels begins with 16
METADATA = "detector"  # key of the JSON with classes and recipe, as in weights files
MOST_BOXES = 100  # of a photograph, in comparisons
LARGEST_DIFFERENCE = 1e-3  # relative to the largest value, or to 1; rounding gives 1e-5

Arrays: TypeAlias = "dict[str, NDArray[Any]]"


def export(
    detector: Detector, folder: Path, photographs: Sequence[NDArray[np.uint8]]
) -> Iterator[tuple[Path, float]]:
    """Write the graphs of a detector on a CPU as ONNX files into a folder that is there.

    Parameters
    ----------
    photographs
        (H, W, 3) RGB each, at least one; on each of them every file is compared with torch.

    Yields
    ------
    A file, and the largest difference of its outputs from torch's in float32, relative to the
    largest value or to 1.

    Raises
    ------
    DetectorError
        A difference is too large; that file is not written.
    """
    values = [values_of(detector, image) for image in photographs]
    for graph in graphs_of(detector):
        expected = [_computed(graph, own) for own in values]
        path = folder / f"{graph.name}.onnx"
        with replacing(path) as temporary:
            write_onnx(graph, values[0], temporary, _metadata(detector, graph))
            difference = largest_difference(runner(temporary), graph, values, expected)
        yield path, difference
        for own, outputs in zip(values, expected, strict=True):
            own.update(outputs)


def values_of(detector: Detector, image: NDArray[np.uint8]) -> Arrays:
    """What the graphs of a photograph take from outside, by name."""
    options = detector.recipe.network
    pictures, factors = scaled_pictures(image, options)
    boxes = detector.proposer.search(image).boxes_xyxy[:MOST_BOXES]
    values: Arrays = {f"picture_{k}": picture for k, picture in enumerate(pictures)}
    values |= {"boxes_xyxy": boxes, "factors": factors}
    paddings = {one.model.crop_padding for one in detector.members if one.reads_crops}
    if paddings:
        bounded, atlas_factors = shrink_for_warp(image, options.long_side)
        atlas = make_atlas([torch.from_numpy(bounded).permute(2, 0, 1)], max(paddings))
        crops = warp_regions(atlas, torch.from_numpy(boxes * atlas_factors), padding=max(paddings))
        colours = crops.permute(0, 2, 3, 1).add(torch.tensor(MEAN_BGR)).flip(3)
        values["crops"] = colours.round().clamp(0, 255).byte().numpy()
    return values


def write_onnx(graph: Graph, values: Arrays, path: Path, about: str) -> None:
    """Write a graph; `values` are examples of its inputs, and `about` is its metadata."""
    import onnx

    axes = {
        name: {axis: side for axis, side in enumerate(sides) if isinstance(side, str)}
        for name, sides in {**graph.inputs, **graph.outputs}.items()
    }
    with warnings.catch_warnings(), torch.no_grad():
        # The exporter traces, which torch deprecates; the newer one cannot follow RoIAlign's sizes.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            graph.module.eval(),
            tuple(torch.from_numpy(values[name]) for name in graph.inputs),
            path,
            input_names=[*graph.inputs],
            output_names=[*graph.outputs],
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {METADATA: about})
    model.doc_string = f"{graph.name} of a GoogLeNet R-CNN detector"
    onnx.save(model, path)


def runner(path: Path) -> Callable[[Arrays], Sequence[NDArray[Any]]]:
    """The function of an ONNX file: inputs by name -> outputs."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return partial(session.run, None)


def largest_difference(
    run: Callable[[Arrays], Sequence[NDArray[Any]]],
    graph: Graph,
    values: Sequence[Arrays],
    expected: Sequence[Arrays],
) -> float:
    """The largest difference between outputs and what is expected, over photographs and outputs.

    Raises
    ------
    DetectorError
        The difference is not that of rounding.
    """
    largest = 0.0
    for own, outputs in zip(values, expected, strict=True):
        found = run({name: own[name] for name in graph.inputs})
        for (name, wanted), got in zip(outputs.items(), found, strict=True):
            scale = max(1.0, float(np.abs(wanted).max(initial=0)))
            same_shape = got.shape == wanted.shape
            apart = np.abs(got - wanted).max(initial=0) / scale if same_shape else np.inf
            if not apart <= LARGEST_DIFFERENCE:
                raise DetectorError(
                    f"{graph.name}: its output {name} differs from torch's by {apart:.3g}, and "
                    f"{LARGEST_DIFFERENCE:g} is the limit; update onnx and onnxruntime"
                )
            largest = max(largest, float(apart))
    return largest


def _metadata(detector: Detector, graph: Graph) -> str:
    """What a weights file says of the detector, and the padding of the graph's crops, as JSON."""
    modes = tuple(member.mode for member in detector.members)
    info = replace(detector.info, members=modes, recipe=detector.recipe.to_dict())
    return json.dumps({**asdict(info), "crop_padding": graph.crop_padding}, sort_keys=True)


@torch.no_grad()
def _computed(graph: Graph, values: Arrays) -> Arrays:
    """The outputs by torch, by name."""
    inputs = [torch.from_numpy(values[name]) for name in graph.inputs]
    outputs = graph.reference.eval()(*inputs)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return {
        name: one.contiguous().numpy() for name, one in zip(graph.outputs, outputs, strict=True)
    }
