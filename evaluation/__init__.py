"""Evaluation of models: metrics, statistics, calibration, analysis, reports."""
