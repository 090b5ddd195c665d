"""Reading, finding, writing and drawing pictures."""
