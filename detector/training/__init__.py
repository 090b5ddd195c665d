"""Training of detectors: the data, the losses and the order of a run."""
