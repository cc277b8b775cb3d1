"""TODO-DOC training/corpus/cleaning"""
