"""Vendors' clouds that speak for devices: what they say enters as the same observations by the same intake."""
