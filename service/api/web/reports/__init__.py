"""Reports of evaluations and other runs."""
