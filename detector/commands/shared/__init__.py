"""What several commands share: their options, how values are read, which detector is meant."""
