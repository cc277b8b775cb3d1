"""TODO-DOC cli/commands/training"""
