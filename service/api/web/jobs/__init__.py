"""Jobs: files that are labelled in the background."""
