"""What can go wrong with the database, each with a sentence for the operator.

DatabaseError
├── FolderError       the data folder cannot be used: owner, rights, a parent in the way
├── DiskFullError     no room
├── PortTakenError    no free port for the database (only where it cannot use a socket file)
├── BinariesError     PostgreSQL's programs are missing or do not run here
├── VersionError      the data was made by another major version, or a backup by a newer Vaivém
└── StartError        it did not start, stop or answer in time; `detail` holds its own last words
"""

from __future__ import annotations


class DatabaseError(Exception):
    """The text is a sentence that says what is wrong and what to do; `detail` is PostgreSQL's own words."""

    def __init__(self, sentence: str, *, detail: str = "") -> None:
        super().__init__(sentence)
        self.detail = detail


class FolderError(DatabaseError):
    """The data folder cannot be used."""


class DiskFullError(DatabaseError):
    """There is no room for the data."""


class PortTakenError(DatabaseError):
    """Another program took the database's port."""


class BinariesError(DatabaseError):
    """PostgreSQL's programs are missing or do not run on this machine."""


class VersionError(DatabaseError):
    """The data belongs to another version."""


class StartError(DatabaseError):
    """The server did not start, stop or answer in time."""
