"""From what is not normal to what has happened: judging, grading, dismissing."""
