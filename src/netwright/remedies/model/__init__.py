"""Remedies for layers and their first weights."""
