"""The field: the city as it is, and the devices that watch it."""
