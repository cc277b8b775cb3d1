"""TODO-DOC service/files"""
