"""A detector's networks as files for onnxruntime: `detect export`."""
