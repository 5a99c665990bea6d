"""HTTP: a rule calls any tool."""
