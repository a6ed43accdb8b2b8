"""What is normal and what is not: the readings of the city against their habit."""
