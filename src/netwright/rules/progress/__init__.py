"""NW6xx: the course of training."""
