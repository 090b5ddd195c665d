"""Ground truth of labelling tools and in tables and texts: one file for each format."""
