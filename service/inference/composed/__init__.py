"""TODO-DOC service/inference/composed"""
