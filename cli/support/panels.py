"""The groups of commands and of options in `--help`."""

from __future__ import annotations

# Commands, in the order of `glossator --help`.
START = "Start"
CORPUS = "Corpus"
TRAIN = "Train and evaluate"
EXPORT = "Export and verify"
USE = "Use a model"
OPERATE = "Operate"

# Options, after those of the command itself.
READING = "Reading the rows"
SPLIT = "Splitting the rows"
TRAINING = "Training"
SEARCH = "Searching options"
ZERO_SHOT = "Labels that the model was not trained on"
RAY = "Ray cluster"
MACHINE = "Machine"
OUTPUT = "Output"
