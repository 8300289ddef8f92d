"""Remedies for losses that do not fit what they are given."""
