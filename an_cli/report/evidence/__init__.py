"""What the runs of a row came to, what stands behind their numbers, and whether rows may be compared."""
