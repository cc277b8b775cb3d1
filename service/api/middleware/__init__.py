"""TODO-DOC service/api/middleware"""
