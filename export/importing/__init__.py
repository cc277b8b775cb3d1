"""Models that were trained elsewhere: finds them, recognises what they do, and writes them as checkpoints."""
