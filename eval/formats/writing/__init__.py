"""Writers, one module per format: the text of one image, and whole data sets.

All take LabelledImage. What a format cannot hold is left out and counted in the notes that the
writers of whole data sets return.
"""
