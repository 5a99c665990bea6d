"""What an event is about, and whether a step speaks of it or of somebody else."""

from __future__ import annotations

from vaivem.core.kinship import is_about, may_link, relatives

KINDS = {"deal": "deal", "person": "person", "organization": "company"}
DATA = {
    "event": {"id": "e1"},
    "deal": {"id": "9", "title": "Forno"},
    "person": {
        "id": "4",
        "emails": ["Ana@Padaria.example", "ana@casa.example"],
        "custom": {"recommended_by": "bia@padaria.example"},
    },
    "organization": {},
}


def test_the_trigger_s_record_comes_first_and_what_is_not_there_is_left_out() -> None:
    found = relatives(7, KINDS, "deal", "9", DATA)
    assert [(one.conn, one.object, one.record, one.kind) for one in found] == [
        (7, "deal", "9", "deal"),
        (7, "person", "4", "person"),
    ]
    assert relatives(7, {}, "deal", "9", DATA) == ()
    assert relatives(7, {"person": "person"}, "document", "1", DATA) == ()


def test_an_address_that_the_record_has_speaks_of_it() -> None:
    about = relatives(7, KINDS, "deal", "9", DATA)
    assert is_about(about, "person", ["ana@padaria.example"])
    assert is_about(about, "person", ["ana@casa.example ", "ANA@padaria.example"])
    assert is_about(about, "person", [])
    assert not is_about(about, "person", ["bia@padaria.example"])  # of a field of its own: somebody else
    assert not is_about(about, "person", ["ana@casa.example", "bia@padaria.example"])
    assert not is_about(about[:1], "person", ["ana@casa.example"])  # the deal has no person


def test_what_may_be_linked() -> None:
    assert may_link("person", "person")
    assert may_link("deal", "person")
    assert not may_link("company", "person")
    assert not may_link("company", "deal")
