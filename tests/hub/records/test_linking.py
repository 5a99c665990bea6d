"""People joined and parted by a member, taken back, and held against what events tell later."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.hub.furnished import Furnished, furnished
from tests.hub.workplace import systems, workplace

__all__ = ["furnished", "systems", "workplace"]


def add(made: Furnished, name: str, record: str, kind: str = "person") -> int:
    """Write one more person with a record; return the person."""
    past = made.past
    [(person,)] = past.sql(
        "insert into person (ws, kind, name, at) values (%s, %s, %s, now()) returning id", past.ws, kind, name
    )
    [(number,)] = past.sql(
        "insert into known_record (ws, conn, object, record, kind, person, fields, told, event_id) values"
        " (%s, %s, 'person', %s, %s, %s, jsonb_build_object('name', jsonb_build_array(%s::text, 1800000000)),"
        " now(), 0) returning id",
        past.ws, made.workplace.crm.pk, record, kind, person, name,
    )  # fmt: skip
    past.sql("insert into known_key values (%s, %s, %s, now())", past.ws, f"name:{name.lower()}", number)
    return int(person)


def owners(made: Furnished) -> dict[int, int]:
    """Return whose each record is."""
    return dict(made.past.sql("select id, person from known_record where ws = %s order by id", made.past.ws))


def told(page: Any) -> str:
    return re.sub(r"\s+", " ", page.content.decode())


def undo_address(page: Any) -> str:
    found = re.search(r'action="(/w/[^"]*/records/changes/\d+/undo/)"', page.content.decode())
    assert found, "no way to undo"
    return found[1]


@pytest.fixture
def owner(furnished: Furnished) -> Any:
    return furnished.workplace.site.browser(furnished.people["owner"])


def base(made: Furnished, path: str = "") -> str:
    return f"/w/{made.workplace.site.workspace.slug}/records/{path}"


def test_two_are_joined_and_taken_apart_again(furnished: Furnished, owner: Any) -> None:
    marina = int(furnished.numbers["person"])
    other = add(furnished, "Mariana", "r2")
    before = owners(furnished)
    found = told(owner.get(base(furnished, f"{marina}/join/?q=mariana")))
    assert f'value="{other}"' in found
    page = owner.post(base(furnished, f"{marina}/join/"), {"other": other}, follow=True)
    assert set(owners(furnished).values()) == {marina}
    assert owner.get(base(furnished, f"{other}/")).url == base(furnished, f"{marina}/")
    owner.post(undo_address(page))
    assert owners(furnished) == before
    assert owner.get(base(furnished, f"{other}/")).status_code == 200
    assert owner.get(base(furnished, f"{marina}/")).status_code == 200


def test_a_record_is_taken_out_kept_apart_and_brought_back(furnished: Furnished, owner: Any) -> None:
    marina = int(furnished.numbers["person"])
    before = owners(furnished)
    taken = max(before)
    page = owner.post(base(furnished, f"{marina}/part/"), {"record": taken}, follow=True)
    assert owners(furnished)[taken] != marina
    [(apart,)] = furnished.past.sql("select count(*) from kept_apart where lifted is null")
    assert apart == 1
    back = undo_address(page)
    owner.post(back)
    assert owners(furnished) == before
    assert furnished.past.sql("select 1 from kept_apart where lifted is null") == []
    owner.post(back)  # pressed twice
    assert owners(furnished) == before


def test_at_least_one_record_stays(furnished: Furnished, owner: Any) -> None:
    marina = int(furnished.numbers["person"])
    before = owners(furnished)
    owner.post(base(furnished, f"{marina}/part/"), {"record": list(before)})
    assert owners(furnished) == before


def test_a_person_and_a_company_are_not_joined(furnished: Furnished, owner: Any) -> None:
    marina, firm = int(furnished.numbers["person"]), add(furnished, "Marina Ltda", "r9", "company")
    before = owners(furnished)
    owner.post(base(furnished, f"{marina}/join/"), {"other": firm})
    assert owners(furnished) == before


def test_another_workspaces_person_cannot_be_joined(furnished: Furnished, owner: Any) -> None:
    [(theirs,)] = furnished.past.sql(
        "insert into person (ws, kind, name, at) values (%s, 'person', 'X', now()) returning id",
        furnished.past.ws + 1,
    )
    before = owners(furnished)
    owner.post(base(furnished, f"{int(furnished.numbers['person'])}/join/"), {"other": theirs})
    assert owners(furnished) == before


@pytest.mark.parametrize(
    "text", ["marina", "MARI", "marina duarte nobody", "%", "_", "\\", "\x00", "a" * 300, "'; drop", "  "]
)
def test_a_search_finds_by_beginnings_of_words_and_never_fails(
    furnished: Furnished, owner: Any, text: str
) -> None:
    page = owner.get(base(furnished), {"q": text})
    assert page.status_code == 200
    assert ("Marina Duarte" in page.content.decode()) == (text in ("marina", "MARI", "  ", "\x00"))


@pytest.mark.parametrize("before", ["x", "2026-01-01~1", "2026-01-01T00:00:00+00:00~x", "~", "9" * 40])
def test_a_broken_place_in_the_list_is_no_error(furnished: Furnished, owner: Any, before: str) -> None:
    assert owner.get(base(furnished), {"before": before}).status_code == 200
    number = furnished.numbers["person"]
    assert owner.get(base(furnished, f"{number}/"), {"before": before}).status_code == 200
