"""Declares, drives and judges: the only package that sees both sides of the wire."""
