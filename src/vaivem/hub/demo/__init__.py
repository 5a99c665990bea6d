"""The demo's workspace: test accounts connected, recipes on, a few days of history, and a trail to read."""
