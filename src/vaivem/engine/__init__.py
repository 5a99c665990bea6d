"""The data plane: ingest, lanes, runs, safe writes, budgets, chores."""
