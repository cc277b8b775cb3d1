"""TODO-DOC service/documents/formats"""
