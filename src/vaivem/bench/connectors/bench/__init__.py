"""A system that sends signed e-signature events and takes contacts, deals and notes."""
