"""From what is not normal to what has happened: placing it, and believing in it once."""
