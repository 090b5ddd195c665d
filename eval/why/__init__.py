"""Why a figure is what it is: errors by kind, by size, by chance."""
