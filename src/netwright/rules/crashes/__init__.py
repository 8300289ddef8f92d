"""NW9xx: crashes explained."""
