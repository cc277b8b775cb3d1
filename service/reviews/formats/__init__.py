"""The files of reviews: our JSON lines, and those of annotation tools."""
