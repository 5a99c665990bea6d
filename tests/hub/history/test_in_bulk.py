"""A run whose record is imported together with others, as its page shows it."""

from __future__ import annotations

from typing import Any

from tests.hub.history.test_pages import owner, past, plain, url
from tests.hub.past import Past

__all__ = ["owner", "past"]  # fixtures, taken over


def test_a_run_that_waits_for_an_import_names_no_time(past: Past, owner: Any) -> None:
    run = past.waiting("doubt", "waits_for_bulk", rule=past.workplace.rule().pk)
    page = plain(owner.get(url(past, f"{run}/")))
    assert "being imported" in page
    assert "together with others of the past" in page
    assert "it goes on by itself when the import is done" in page
    assert "; goes on" not in page


def test_what_went_together_and_what_was_left_out_are_no_failures(past: Past, owner: Any) -> None:
    run = past.run(rule=past.workplace.rule().pk)
    past.call(run, 1001, code="written_together")
    past.call(run, 1002, code="bulk_left_out", write=False, method="")
    past.call(run, 1003)
    page = plain(owner.get(url(past, f"{run}/")))
    assert "imported together with those of other runs, in one call" in page
    assert "the import did not take it, so it was written on its own" in page
    assert "Failed" not in page
