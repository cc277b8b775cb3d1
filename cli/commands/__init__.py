"""TODO-DOC cli/commands"""
