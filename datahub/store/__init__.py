"""What the hub remembers: rows of business in SQL, readings in columns, and the journal that joins the two."""
