"""Many files as one source: a folder, a pattern, the members of an archive."""
