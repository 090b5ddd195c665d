"""Notes on what is probably a mistake, which every evaluation and the checker give."""
