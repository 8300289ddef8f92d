"""Remedies for settings of the optimizer."""
