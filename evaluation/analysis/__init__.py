"""TODO-DOC evaluation/analysis"""
