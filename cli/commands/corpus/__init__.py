"""TODO-DOC cli/commands/corpus"""
