"""TODO-DOC evaluation/metrics"""
