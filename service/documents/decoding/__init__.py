"""TODO-DOC service/documents/decoding"""
