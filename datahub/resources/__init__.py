"""The data middle platform: who may call which data, by what right, and what came of it."""
