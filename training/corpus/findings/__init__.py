"""Checks of a corpus: each returns findings or faults and changes nothing."""
