"""TODO-DOC evaluation/reports"""
