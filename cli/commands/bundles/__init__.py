"""TODO-DOC cli/commands/bundles"""
