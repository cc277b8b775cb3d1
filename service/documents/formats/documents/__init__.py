"""Documents: each file is one text, or a few. One module per format."""
