"""TODO-DOC modeling"""
