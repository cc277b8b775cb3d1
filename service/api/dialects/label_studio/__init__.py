"""A machine learning backend for Label Studio, under `/label-studio/MODEL`."""
