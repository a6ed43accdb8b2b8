"""The city brain: it decides from what devices, people and departments have told it, and from nothing else."""
