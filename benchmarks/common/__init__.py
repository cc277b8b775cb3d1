"""What benchmarks share: corpora, damage to bundles, options, result files."""
