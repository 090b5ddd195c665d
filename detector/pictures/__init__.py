"""Pictures: finding, reading, drawing and writing them."""
