"""Values and rules of the domain: pure, without I/O."""
