"""Emergency plans: declared in the library, graded by facts, walked through step by step."""
