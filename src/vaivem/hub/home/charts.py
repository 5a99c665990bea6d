"""Charts as SVG, drawn here: no script, and numbers that every language's decimal comma leaves alone."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from vaivem.hub.home.figures import HOURS, Day

STEPS = (1, 2, 5)


def day_chart(day: Day, label: str, *, narrow: bool = False) -> SafeString:
    """Draw a day by the hour: yesterday behind, today before it, marks where runs were retried or failed."""
    width, height, left, every = (330, 170, 30, 6) if narrow else (760, 190, 34, 3)
    floor, top = height - 24, 24
    step, most = scale(max([1, *(hour.events for hour in day.hours), *day.yesterday]))
    slot = (width - left) / HOURS
    bar = slot * (0.68 if narrow else 0.57)

    def y(value: float) -> float:
        return floor - value / most * (floor - top)

    parts = [_grid(value, y(value), left, width) for value in range(0, most + 1, step)]
    for hour in range(HOURS):
        x = left + slot * hour
        past, today = day.yesterday[hour], day.hours[hour]
        if past:
            parts.append(_bar("b past", x + slot * 0.08, y(past), slot * 0.84, floor - y(past)))
        if today.events:
            inner = x + (slot - bar) / 2
            parts.append(_bar("b", inner, y(today.events), bar, floor - y(today.events)))
        mark = y(today.events) - 5.5
        for css, number in (("b wait", today.retried), ("b bad", today.failed)):
            if number:
                parts.append(_bar(css, x + (slot - bar) / 2, mark, bar, 4))
                mark -= 5.5
        if hour % every == 0:
            parts.append(_text(f"{hour}h", x + slot / 2, height - 5, "middle"))
    return format_html(
        '<svg class="chart {}" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>',
        "narrow" if narrow else "wide",
        str(width),
        str(height),
        label,
        mark_safe("".join(parts)),  # noqa: S308 - made of numbers here
    )


def spark(values: Sequence[int]) -> SafeString:
    """Draw a small line of how much arrived lately."""
    most = max([1, *values])
    points = [(96 * n / max(1, len(values) - 1), 22 - 20 * value / most) for n, value in enumerate(values)]
    line = " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return format_html(
        '<svg class="spark" viewBox="0 0 96 24" aria-hidden="true">'
        '<path class="area" d="M{0} L96 24 L0 24z"/>'
        '<path d="M{0}"/></svg>',
        line,
    )


def scale(most: int) -> tuple[int, int]:
    """Return the distance of the grid's lines and the top of the scale: three or four round lines."""
    power = 1
    while True:
        for step in STEPS:
            if step * power * 4 >= most:
                lines = -(-most // (step * power))
                return step * power, step * power * max(1, lines)
        power *= 10


def _grid(value: int, y: float, left: int, width: int) -> SafeString:
    line = format_html(
        '<line class="grid" x1="{}" x2="{}" y1="{}" y2="{}"/>', *map(_number, (left, width, y, y))
    )
    return format_html_join("", "{}", [(line,), (_text(str(value), left - 6, y + 4, "end"),)])


def _bar(css: str, x: float, y: float, width: float, height: float) -> SafeString:
    numbers = [_number(value) for value in (x, y, width, height)]
    return format_html('<rect class="{}" x="{}" y="{}" width="{}" height="{}" rx="1.5"/>', css, *numbers)


def _text(text: str, x: float, y: float, anchor: str) -> SafeString:
    return format_html('<text x="{}" y="{}" text-anchor="{}">{}</text>', _number(x), _number(y), anchor, text)


def _number(value: float) -> str:
    return f"{value:.1f}"
