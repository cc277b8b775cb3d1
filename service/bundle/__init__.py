"""The contract on disk: what a bundle holds, how it is read, written and checked. Described in docs/bundle.md."""
