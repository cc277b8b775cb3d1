"""Files that people have to rows, and predictions to files: one module a format."""
