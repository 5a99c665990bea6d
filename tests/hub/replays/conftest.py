"""Rules are tested over two systems of the tests' own."""

from tests.hub.workplace import systems, workplace

__all__ = ["systems", "workplace"]
