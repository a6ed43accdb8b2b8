"""Warnings to the people of an area, in the words of CAP 1.2, and how many they reached."""
