"""The detector over a data set: image by image, resumable."""
