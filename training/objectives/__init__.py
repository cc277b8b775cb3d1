"""Training objectives, one per kind of task: examples with targets, loss, validation metric, calibration."""
