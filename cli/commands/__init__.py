"""One module per command, in the groups of `glossator --help`."""
