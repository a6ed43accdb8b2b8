"""Dispatch: who is sent, how far they are, and what happens when nobody answers."""
