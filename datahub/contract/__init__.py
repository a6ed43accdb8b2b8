"""The words that both sides of the wire must agree on; everything else belongs to one side."""
