"""TODO-DOC cli/commands/operations"""
