"""Devices and managed objects: their codes, their places on the unit grid, their working life."""
