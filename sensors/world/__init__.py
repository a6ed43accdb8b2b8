"""Ground truth: the city as it is, whether anyone looks or not. Functions first, one file per domain."""
