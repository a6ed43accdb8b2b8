"""What devices can do when told to, one file each, named after the kind that carries it: ``ACTUATOR``."""
