"""Remedies for data as the network sees it."""
