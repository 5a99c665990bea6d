"""The runs that a filter means as a table for a spreadsheet, sent row by row while it is read."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpResponseBase, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from vaivem.hub.history import queries
from vaivem.hub.history.filters import FilterError, Filters, cursor_time, read_filters
from vaivem.hub.history.lines import lines
from vaivem.hub.history.names import Names
from vaivem.hub.history.rows import RunRow
from vaivem.hub.history.rules_of import rules_meant
from vaivem.hub.shell.clock import now as clock_now
from vaivem.hub.workspaces import audit
from vaivem.hub.workspaces.guard import MemberRequest, for_role

MOST_ROWS = 10_000
PAGE = 250
SECONDS = 60.0  # a search for something rare in millions of runs ends then, and says how far it came
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would calculate when it opens the file
MARK = "\ufeff"  # spreadsheets take a file without it for another encoding


@require_safe
@for_role(place="history")
def history_csv(request: MemberRequest) -> HttpResponseBase:
    """Send the newest runs that fit the filters, MOST_ROWS at most; the last line says if there are more."""
    workspace, now = request.workspace, clock_now()
    try:
        filters = read_filters(request.GET, now=now, zone=workspace.zone)
    except FilterError as error:
        raise Http404 from error
    if request.method == "GET":
        asked = {name: value for name, value in request.GET.items() if value}
        audit.note(workspace, request.user, "history.exported", after=asked)
    address = request.build_absolute_uri(reverse("run", args=[workspace.slug, 0]))
    table = _Table(Names(workspace), filters, now, lambda run: address.replace("/0/", f"/{run}/"))
    parts = table.parts(translation.get_language() or "en")
    # Django serves an asynchronous server only what it can wait for; the tests' own client is none.
    content = _waited_for(parts) if isinstance(request, ASGIRequest) else parts
    answer = StreamingHttpResponse(content, content_type="text/csv; charset=utf-8")
    day = timezone.localtime(now).date().isoformat()
    answer["Content-Disposition"] = f'attachment; filename="vaivem-{workspace.slug}-{day}.csv"'
    return answer


async def _waited_for(parts: Iterator[str]) -> AsyncIterator[str]:
    while (part := await sync_to_async(_next)(parts)) is not None:
        yield part


def _next(parts: Iterator[str]) -> str | None:
    return next(parts, None)


@dataclass(frozen=True, slots=True)
class _Table:
    """What is written, page by page."""

    names: Names
    filters: Filters
    now: datetime
    address: Callable[[int], str]

    def parts(self, language: str) -> Iterator[str]:
        """Return the file's pieces. Each is made in the language and zone that the request had."""
        ws, zone = self.names.workspace.pk, ZoneInfo(self.names.workspace.zone)
        meant = rules_meant(ws, self.filters)
        before: int | None = None
        written, begun = 0, time.monotonic()
        with translation.override(language):
            head = _heads()
        yield MARK + self._text([head])
        while True:
            page = queries.runs(
                ws, self.filters, before=before, rules=meant, limit=min(PAGE, MOST_ROWS - written)
            )
            written, before = written + len(page.rows), page.next
            late = time.monotonic() - begun > SECONDS
            with translation.override(language), timezone.override(zone):
                rows = self._rows(page.rows)
                if before is not None and (late or written >= MOST_ROWS):
                    rows.append([_more(written, cursor_time(before))])
            if rows:
                yield self._text(rows)
            if before is None or late or written >= MOST_ROWS:
                return

    def _rows(self, runs: list[RunRow]) -> list[list[str]]:
        return [
            [
                _moment(line.run.at),
                line.title,
                str(line.badge.word),
                line.note,
                line.rule,
                self.names.connection(line.run.event_conn),
                ", ".join(filter(None, (self.names.record_url(one) for one in line.run.records))),
                _moment(line.run.finished),
                self.address(line.run.id),
            ]
            for line in lines(runs, self.names, self.now)
        ]

    def _text(self, rows: list[list[str]]) -> str:
        """Write rows with the separator that a spreadsheet of the workspace's number format expects."""
        out = io.StringIO()
        comma = self.names.workspace.number_format[5] == ","
        csv.writer(out, delimiter=";" if comma else ",").writerows(
            [_plain(cell) for cell in row] for row in rows
        )
        return out.getvalue()


def _heads() -> list[str]:
    return [
        _("Time"),
        _("What happened"),
        _("Status"),
        _("What came of it"),
        _("Rule"),
        _("Connection"),
        _("Records"),
        _("Ended"),
        _("Address"),
    ]


def _more(written: int, reached: datetime) -> str:
    return _("Not all: the newest %(number)s, back to %(time)s. Narrow the filters to get the rest.") % {
        "number": written,
        "time": _moment(reached),
    }


def _moment(moment: datetime | None) -> str:
    return timezone.localtime(moment).strftime("%Y-%m-%d %H:%M:%S") if moment else ""


def _plain(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(FORMULA) else cell
