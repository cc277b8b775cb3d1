"""Files on disk: paths, hashes, compression, and writing that survives a crash."""
