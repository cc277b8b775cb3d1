"""The command line: parses here, works elsewhere. Imports what is heavy inside its functions alone."""
