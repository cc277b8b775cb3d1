"""TODO-DOC workflows"""
