"""People in the field: crews that carry out departments' orders, and citizens who notice and call."""
