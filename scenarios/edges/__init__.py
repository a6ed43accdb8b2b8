"""Rules of the edge nodes, as an official writes them, and what came of them in a run."""
