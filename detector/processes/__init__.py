"""Settings of a whole process."""
