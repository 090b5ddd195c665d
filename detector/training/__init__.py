"""What a detector learns, and from what."""
