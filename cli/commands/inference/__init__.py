"""TODO-DOC cli/commands/inference"""
