"""The command line: parses arguments and prints results; workflows do the work. Heavy imports are inside functions."""
