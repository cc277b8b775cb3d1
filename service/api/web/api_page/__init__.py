"""The documentation of the API, to read and to try."""
