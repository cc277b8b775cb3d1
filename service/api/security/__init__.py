"""TODO-DOC service/api/security"""
