"""Vendors of department systems: one folder each, with the dialect from both sides."""
