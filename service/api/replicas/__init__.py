"""TODO-DOC service/api/replicas"""
