"""Commands for bundles: export, verify, bench, models."""
