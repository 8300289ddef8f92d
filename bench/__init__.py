"""Benchmarks of netwright: not part of the package."""
