"""Tasks that take several steps, as plain functions: usable from Python, no terminal needed."""
