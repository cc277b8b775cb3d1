"""TODO-DOC training/corpus/splitting"""
