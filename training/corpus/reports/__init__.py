"""TODO-DOC training/corpus/reports"""
