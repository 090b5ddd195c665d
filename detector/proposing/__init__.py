"""The work of `detect propose`: boxes of many pictures, kept in files, and their recall."""
