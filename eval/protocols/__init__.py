"""The protocols: how detections are matched to objects, one module per protocol."""
