"""The work of `detect convert`: data sets and results in another format."""
