"""What is tried on a sick program that no finding explains: the settings and parts that people exchange first, one file each."""
