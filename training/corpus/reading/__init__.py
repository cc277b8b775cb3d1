"""TODO-DOC training/corpus/reading"""
