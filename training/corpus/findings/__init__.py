"""TODO-DOC training/corpus/findings"""
