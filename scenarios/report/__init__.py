"""The report of a run: one self-contained page with real pictures, for people who decide."""
