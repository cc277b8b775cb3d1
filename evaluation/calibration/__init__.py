"""TODO-DOC evaluation/calibration"""
