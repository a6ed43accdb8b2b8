"""The operations centre: one page that reads the situation and sends orders, nothing else."""
