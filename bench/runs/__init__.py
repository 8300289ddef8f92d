"""Measures the record of a run: what is lost when the process is killed."""
