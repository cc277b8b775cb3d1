"""Cleaning rules, each change recorded, and the review of suspicious rows by people."""
