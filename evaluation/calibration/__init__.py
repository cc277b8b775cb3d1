"""Calibration on validation rows: temperature, thresholds, conformal sets, the gate of a cascade, and its metrics."""
