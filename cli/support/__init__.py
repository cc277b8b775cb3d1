"""TODO-DOC cli/support"""
