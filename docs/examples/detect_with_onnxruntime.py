"""Detects without torch: python detect_with_onnxruntime.py DIR PICTURE, after
`detect export voc20 -o DIR`. It needs `pip install .` and onnxruntime."""

import json
import sys

import cv2
import numpy as np
from onnxruntime import InferenceSession

from proposals import selective_search
from proposals.boxes import clip_boxes, decode_boxes

folder, path = sys.argv[1:]
photograph, objectness, regions = (
    InferenceSession(f"{folder}/{name}.onnx")
    for name in ("photograph-1", "objectness", "regions-1")
)
detector = json.loads(regions.get_modelmeta().custom_metadata_map["detector"])
recipe = detector["recipe"]
network, finish = recipe["network"], recipe["postprocess"]
image = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
height, width = image.shape[:2]
inputs, factors = {}, []
for k, share in enumerate([1.0, *network["pyramid"]]):
    short, long = round(share * network["short_side"]), round(share * network["long_side"])
    scale = min(short / min(height, width), long / max(height, width))
    size = round(width * scale), round(height * scale)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    inputs[f"picture_{k}"] = cv2.resize(image, size, interpolation=method)
    factors.append([size[0] / width, size[1] / height] * 2)

*maps, shares_xyxy, confidences = photograph.run(None, inputs)
searched = selective_search(image, width=recipe["proposals"]["width"]).boxes_xyxy
likeliest = shares_xyxy[np.argsort(-confidences)[:200]] * [width, height, width, height]
seen = {"factors": np.array(factors, np.float32)} | {f"map_{k}": m for k, m in enumerate(maps)}
boxes = np.concatenate([searched, likeliest]).astype(np.float32)
(holds_object,) = objectness.run(None, {"boxes_xyxy": boxes, **seen})
best = np.argsort(-holds_object)[: network["keep"]]
probabilities, deltas = regions.run(None, {"boxes_xyxy": boxes[best], **seen})
scores = probabilities[:, 1:] * holds_object[best, None] ** finish["objectness"]
moved = clip_boxes(decode_boxes(boxes[best], deltas), height, width)
sides = np.concatenate([moved[:, :2], moved[:, 2:] - moved[:, :2]], 1).astype(float)
for label, name in enumerate(detector["class_names"]):
    for row in cv2.dnn.NMSBoxes(sides, scores[:, label], 0.4, finish["nms_iou"]):
        print(f"{name} {scores[row, label]:.2f}", *moved[row].round(1))
