"""A detector at chosen scores: what it finds, misses and reports falsely, and the best scores."""
