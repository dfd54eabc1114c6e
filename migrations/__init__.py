"""Numbered SQL and its runner."""
