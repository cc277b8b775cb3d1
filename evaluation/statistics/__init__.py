"""Statistics on the rows of a test set: bootstrap intervals, significance tests, non-inferiority."""
