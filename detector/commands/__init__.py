"""The commands of `detect`, one file each: its options and what it does."""
