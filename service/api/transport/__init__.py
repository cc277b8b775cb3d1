"""TODO-DOC service/api/transport"""
