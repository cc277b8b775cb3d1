"""Labels a large input in parts: each part is read, labelled and written by one worker, without a central process."""
