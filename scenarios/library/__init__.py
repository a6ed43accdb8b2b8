"""The stories: one folder each."""
