"""FaultBench: programs whose truth is known, and how often a diagnosis of them is right."""
