"""Measurements: programs that print ratios taken in one run."""
