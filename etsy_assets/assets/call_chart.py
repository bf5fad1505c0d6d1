"""A picture of the calls of a day, for the page of the quota."""

import base64
import io
from collections.abc import Sequence
from datetime import datetime, timedelta

from etsy_assets.catalog.api_calls import hour_of
from etsy_assets.catalog.records import ApiCalls, QuotaReading
from etsy_assets.etsy.call_budget import CallPurpose

HOURS = 24


def calls_chart(made: Sequence[ApiCalls], readings: Sequence[QuotaReading], now: datetime) -> str:
    """As Markdown: calls an hour by purpose, failed ones hatched on top, and what was left as a line."""
    from matplotlib.figure import Figure

    first = hour_of(now) - timedelta(hours=HOURS - 1)
    hours = [first + timedelta(hours=number) for number in range(HOURS)]
    figure = Figure(figsize=(8, 3), layout="constrained")
    bars = figure.subplots()
    floor = [0] * HOURS
    for purpose in CallPurpose:
        floor = _stack(
            bars, hours, floor, [each for each in made if each.purpose == purpose and not each.failed], purpose
        )
    _stack(bars, hours, floor, [each for each in made if each.failed], "failed", color="0.6", hatch="///")
    bars.set_xticks(range(0, HOURS, 3), [f"{hour:%H:00}" for hour in hours[::3]])
    bars.set_ylabel("calls an hour")
    bars.set_xlabel("UTC")
    left = {hour_of(reading.read_at): reading.remaining_today for reading in readings}
    known = [(place, left[hour]) for place, hour in enumerate(hours) if left.get(hour) is not None]
    if known:
        line = bars.twinx()
        line.plot(*zip(*known, strict=True), color="black", marker=".", label="left today")
        line.set_ylim(bottom=0)
        line.set_ylabel("calls left of the day's")
    if bars.get_legend_handles_labels()[0] or known:
        figure.legend(loc="outside upper center", ncols=4, frameon=False)
    picture = io.BytesIO()
    figure.savefig(picture, format="jpeg", dpi=80)
    return f"![calls of the last 24 hours](data:image/jpeg;base64,{base64.b64encode(picture.getvalue()).decode()})"


def _stack(
    bars: object, hours: Sequence[datetime], floor: Sequence[int], made: Sequence[ApiCalls], label: str, **look: str
) -> list[int]:
    heights = [sum(each.calls for each in made if each.hour == hour) for hour in hours]
    if any(heights):
        bars.bar(range(len(hours)), heights, bottom=floor, label=label, **look)  # type: ignore[attr-defined]
    return [low + high for low, high in zip(floor, heights, strict=True)]
