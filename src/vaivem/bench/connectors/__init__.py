"""The benchmark's connector, registered like one from outside the tree (VAIVEM_CONNECTORS)."""
