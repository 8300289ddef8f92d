"""NW5xx: optimizer, learning rate, schedule, batch size."""
