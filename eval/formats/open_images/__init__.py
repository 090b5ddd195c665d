"""Ground truth in the files of Open Images."""
