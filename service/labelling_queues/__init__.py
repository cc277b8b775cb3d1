"""Files that people label: their rows with suggestions, what reviewers say about them, and the labelled file."""
