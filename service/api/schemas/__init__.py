"""TODO-DOC service/api/schemas"""
