"""The hub's HTTP door: what it knows for reading, and orders to devices for those who hold the token."""
