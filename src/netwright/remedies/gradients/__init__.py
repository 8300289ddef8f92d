"""Remedies for what keeps gradients from doing their work."""
