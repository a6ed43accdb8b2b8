"""Types of sensors, one file each: ``KIND`` and the ``measure`` behind it. The folder is the registry."""
