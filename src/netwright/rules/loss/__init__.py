"""NW3xx: the loss."""
