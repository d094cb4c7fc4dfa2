"""The limits of US carriers: which one holds, how far apart texts leave, and when T-Mobile's day begins."""

import itertools
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longcode.domain import campaign, pacific
from longcode.domain.campaign import CampaignFacts, CampaignSettings, CarrierLimits
from longcode.domain.carriers import BELIEVED_MS, Carrier, Subscription
from tests.chance import times

NOW_MS = 1_795_766_400_000
FACTS = CampaignFacts(NOW_MS, "751c6a5c", "ASSIGNED", "T", None, "TOP", None)


def _ms(moment: str) -> int:
    return round(datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo("America/Los_Angeles")).timestamp() * 1000)


@pytest.mark.parametrize(
    ("parameters", "facts", "att", "day"),
    [
        (CampaignSettings(), None, None, None),
        (CampaignSettings(), CampaignFacts(NOW_MS), None, None),
        (CampaignSettings(), FACTS, 75, 194_000),
        (CampaignSettings(), CampaignFacts(NOW_MS, att_class="T", att_per_minute=60), 60, None),
        (CampaignSettings(), CampaignFacts(NOW_MS, t_mobile_tier="LOW", t_mobile_per_day=1_500), None, 1_455),
        (CampaignSettings(), CampaignFacts(NOW_MS, t_mobile_tier="Upper Mid"), None, 38_800),
        (CampaignSettings(), CampaignFacts(NOW_MS, t_mobile_tier="Sole Proprietor"), None, 970),
        (CampaignSettings("A"), FACTS, 4_500, 194_000),
        (CampaignSettings("A", 100, 2_000), FACTS, 100, 1_940),
        (CampaignSettings(t_mobile_per_day=2_000, other_providers=25), FACTS, 75, 1_455),
        (CampaignSettings(t_mobile_per_day=2_000, margin=0), FACTS, 75, 2_000),
        (CampaignSettings(t_mobile_per_day=1), None, None, 1),
    ],
)
def test_a_parameter_comes_before_what_the_provider_reported_and_that_before_the_tables(
    parameters: CampaignSettings, facts: CampaignFacts | None, att: int | None, day: int | None
) -> None:
    found = campaign.limits(parameters, facts)

    assert found.per_minute.get(Carrier.ATT) == att
    assert found.per_day.get(Carrier.T_MOBILE) == day
    assert found.any is (att is not None or day is not None)


def test_a_carrier_counts_against_its_own_limits_and_an_unknown_one_against_both() -> None:
    limits = CarrierLimits({Carrier.ATT: 75, Carrier.OTHER: 30}, {Carrier.T_MOBILE: 2_000})

    against = {carrier: limits.rated(carrier) + limits.capped(carrier) for carrier in (*Carrier, None)}

    assert against == {
        Carrier.ATT: [Carrier.ATT],
        Carrier.T_MOBILE: [Carrier.T_MOBILE],
        Carrier.VERIZON: [],
        Carrier.US_CELLULAR: [],
        Carrier.OTHER: [Carrier.OTHER],
        None: [Carrier.ATT, Carrier.T_MOBILE],
    }


def _most_in_a_minute(moments: list[tuple[float, int]]) -> int:
    return max(
        sum(weight for at_ms, weight in moments[number:] if at_ms < start + 60_000)
        for number, (start, _) in enumerate(moments)
    )


@settings(deadline=None, max_examples=times(200))
@given(
    st.lists(st.lists(st.integers(1, 10), min_size=1, max_size=10), min_size=1, max_size=40),
    st.sampled_from([11, 15, 60, 75, 240, 2400]),
)
def test_no_minute_has_more_segments_than_the_limit_however_long_the_texts_are(
    batches: list[list[int]], per_minute: int
) -> None:
    free_ms, moments = 0.0, list[tuple[float, int]]()
    for batch in batches:
        found = campaign.departures(batch, per_minute)
        moments += [(free_ms + offset, weight) for offset, weight in zip(found.offsets_ms, batch, strict=True)]
        free_ms += found.length_ms

    assert [at_ms for at_ms, _ in moments] == sorted(at_ms for at_ms, _ in moments)
    assert _most_in_a_minute(moments) <= per_minute


@pytest.mark.parametrize("per_minute", [15, 75, 240, 2_400, 4_500])
def test_texts_of_one_segment_use_98_percent_of_a_minute(per_minute: int) -> None:
    found = campaign.departures([1] * 10, per_minute)

    assert 10 * 60_000 / found.length_ms >= 0.98 * per_minute


def test_a_text_longer_than_a_minutes_limit_leaves_alone() -> None:
    assert campaign.departures([10, 1], 5).offsets_ms == [121_200 - 12_120, 2 * 121_200 - 12_120]
    assert campaign.departures([], 5) == campaign.Departures([], 0)


@pytest.mark.parametrize(
    ("moment", "day", "hours"),
    [
        ("2026-11-27T09:00:00", "2026-11-27", 15),
        ("2026-11-27T00:00:00", "2026-11-27", 24),
        ("2026-11-27T23:59:59", "2026-11-27", 1 / 3600),
        # The clocks go back on the first Sunday of November, and forward on the second of March.
        ("2026-11-01T00:00:00", "2026-11-01", 25),
        ("2027-03-14T00:00:00", "2027-03-14", 23),
        ("2026-12-31T12:00:00", "2026-12-31", 12),
    ],
)
def test_the_day_is_that_of_los_angeles_with_both_changes_of_its_clocks(
    moment: str, day: str, hours: float
) -> None:
    at_ms = _ms(moment)

    assert pacific.day_of(at_ms) == day
    assert pacific.next_day_ms(at_ms) - at_ms == round(hours * 3_600_000)
    assert pacific.day_of(pacific.next_day_ms(at_ms)) > day
    assert pacific.day_of(pacific.next_day_ms(at_ms) - 1) == day


def test_each_day_of_ten_years_follows_the_one_before() -> None:
    moments = list(itertools.accumulate(range(3_650), lambda at_ms, _: pacific.next_day_ms(at_ms), initial=NOW_MS))

    assert len({pacific.day_of(at_ms) for at_ms in moments}) == len(moments)


def test_what_was_learnt_is_believed_for_thirty_days_and_written_again_after_fifteen() -> None:
    known = Subscription(Carrier.ATT, "wireless", NOW_MS)

    assert known.believed(NOW_MS + BELIEVED_MS - 1)
    assert not known.believed(NOW_MS + BELIEVED_MS)
    assert known.is_news(None)
    assert not Subscription(Carrier.ATT, "wireless", NOW_MS + BELIEVED_MS // 2 - 1).is_news(known)
    assert Subscription(Carrier.ATT, "wireless", NOW_MS + BELIEVED_MS // 2).is_news(known)
    assert Subscription(Carrier.T_MOBILE, "wireless", NOW_MS + 1).is_news(known)
    assert Subscription(Carrier.ATT, "voip", NOW_MS + 1).is_news(known)
