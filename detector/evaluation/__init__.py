"""The detector over a data set, picture by picture and resumable, and what an evaluation writes."""
