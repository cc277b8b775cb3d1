"""TODO-DOC evaluation/statistics"""
