"""How one word of Livestorm on the quota follows another, and what is concluded of the next reset."""

from __future__ import annotations

import pytest

from airflow_provider_livestorm.api.json_api import Quota
from airflow_provider_livestorm.usage.facts import QuotaReading, day_of, last_days

DAY = 86_400.0
NOW = 1_790_000_000.0


def test_a_reading_is_made_of_what_the_headers_say_of_the_month() -> None:
    assert QuotaReading.of(Quota(10_000, 9_000, 5, 4), NOW) == QuotaReading(10_000, 9_000, NOW)
    assert QuotaReading.of(Quota(None, None, 5, 4), NOW) is None
    refused = QuotaReading.of(Quota(None, None, 5, 0), NOW, resets_at=NOW + DAY)  # a 429 lacks the monthly headers
    assert refused == QuotaReading(None, None, NOW, NOW + DAY)


@pytest.mark.parametrize(
    ("older", "remaining", "resets_at", "estimated"),
    [
        (None, 9_000, None, False),
        (QuotaReading(10_000, 9_100, NOW - 60), 9_000, None, False),
        (QuotaReading(10_000, 9_100, NOW - 60, NOW + DAY), 9_000, NOW + DAY, False),  # it is still the same period
        (QuotaReading(10_000, 3, NOW - 3600), 9_999, NOW + 30 * DAY, True),  # a new one began in between
        (QuotaReading(10_000, 3, NOW - 3600, NOW - 60), 9_999, NOW + 30 * DAY, True),
        (QuotaReading(10_000, 3, NOW - 2 * DAY), 9_999, None, False),  # when, nobody can tell
        (QuotaReading(10_000, 3, NOW - 2 * DAY, NOW - DAY), 9_999, None, False),
    ],
)
def test_a_rise_means_a_new_period(
    older: QuotaReading | None, remaining: int, resets_at: float | None, estimated: bool
) -> None:
    kept = QuotaReading(10_000, remaining, NOW).after(older)
    assert (kept.remaining, kept.at, kept.resets_at, kept.estimated) == (remaining, NOW, resets_at, estimated)


def test_what_livestorm_says_itself_counts() -> None:
    said = QuotaReading(10_000, 0, NOW, NOW + DAY)
    assert said.after(QuotaReading(10_000, 5, NOW - 60, NOW + 9 * DAY, estimated=True)) == said


def test_a_reset_that_has_passed_is_not_told() -> None:
    reading = QuotaReading(10_000, 5, NOW, NOW + DAY, estimated=True)
    assert reading.told_at(NOW + DAY - 1) == reading
    assert reading.told_at(NOW + DAY) == QuotaReading(10_000, 5, NOW)


def test_days_are_those_of_utc() -> None:
    midnight = 1_789_948_800.0
    assert (day_of(midnight - 1), day_of(midnight)) == ("2026-09-20", "2026-09-21")
    days = last_days(midnight)
    assert (len(days), days[0], days[-1]) == (30, "2026-08-23", "2026-09-21")
