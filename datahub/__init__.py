"""The IoT management hub and the data middle platform: what reports into the city's memory, and reads from it."""
