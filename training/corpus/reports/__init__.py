"""What was read and found in a corpus, for people and programs: report, data card, plots, rejects file."""
