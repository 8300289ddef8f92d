"""NW4xx: gradients, connections, updates and modes."""
