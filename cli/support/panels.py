"""The groups of commands and of options in `--help`."""

from __future__ import annotations

# Commands, in the order of `glossator --help`.
START = "Start"
CORPUS = "Corpus"
TRAIN = "Train and evaluate"
EXPORT = "Export and verify"
USE = "Use a model"
OPERATE = "Operate"

# Options.
ANSWERS = "Answers"
BUDGET = "Budget"
CHECKS = "Further checks"
CLEANING = "Cleaning"
JOB_SIZE = "Which rows"
MACHINE = "Machine"
OUTPUT = "Output"
RAY = "Ray cluster"
READING = "Reading the rows"
SEARCH = "Searching options"
SPLIT = "Splitting the rows"
TRAINING = "Training"
ZERO_SHOT = "Zero-shot: labels that the model was not trained on"
