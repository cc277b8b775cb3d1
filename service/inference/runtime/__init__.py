"""TODO-DOC service/inference/runtime"""
