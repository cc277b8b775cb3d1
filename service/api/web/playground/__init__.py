"""The Playground: try one model, or compare two."""
