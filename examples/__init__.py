"""The example corpora: support tickets and their entities, written for this project."""
