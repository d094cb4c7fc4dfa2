"""What US carriers take: what the provider reports and what the parameters say, side by side, and what holds."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rich.console import RenderableType
from rich.table import Table

from longcode.domain.campaign import CampaignFacts, CampaignSettings, CarrierLimits, limits
from longcode.domain.carriers import Carrier
from longcode.entrypoints.config import Settings
from longcode_cli.brakes import CARRIERS
from longcode_cli.commands.doctor.case import Case, Limit, NotApplicable, Outcome, Skipped, ok, warn
from longcode_cli.terminal import plain, relative

_NAMES = {**CARRIERS, Carrier.OTHER: "all others"}
# A text that can't wait out T-Mobile's day may expire before the next one begins. One day in autumn is an hour
# longer.
_DAY_MINUTES = 1440
# The reconciler reads the provider's word each hour.
_READ_WITHIN_MS = 6 * 3_600_000
# No text has more segments.
_LONGEST_TEXT = 10

# A problem: what was found, and what to do.
Problem = tuple[str, str]


def _limits(case: Case) -> Outcome:
    if not case.us_long_code:
        raise NotApplicable
    if case.settings is None:
        raise Skipped("The parameters are not valid; see settings.")
    settings, read = case.settings.campaign, case.overview.gate.campaign
    # What the stack has read itself serves where the provider says nothing today.
    facts = case.facts or read
    case.limits = side_by_side(settings, facts)
    problems = [
        *_above(case),
        *_too_little(case, case.settings),
        *_too_short(case, case.settings),
        *_unread(case, read),
    ]
    unknown = {
        row.carrier: parameter
        for row, parameter in zip(case.limits, ("CampaignClass", "TmobileSegmentsPerDay"), strict=False)
        if row.holds is None
    }
    if unknown and case.facts is not None:
        problems.insert(0, _unknown(case, unknown))
    if problems:
        return warn(" ".join(found for found, _ in problems), " ".join(todo for _, todo in problems))
    if unknown:
        raise Skipped(f"Nothing is known of what {' and '.join(unknown)} take; see the rows above.")
    words = ", ".join(f"{row.carrier} {row.holds:,} a {row.per}" for row in case.limits if row.holds is not None)
    return ok(f"in segments: {words}{_meanwhile(case, settings, read)}")


def _meanwhile(case: Case, settings: CampaignSettings, read: CampaignFacts | None) -> str:
    """What to know where the functions go by something else, as they have read it at another time."""
    if limits(settings, read) == limits(settings, case.facts or read):
        return ""
    if read is None:
        return "; the functions have not read that yet"
    return f"; the functions still go by what they read {relative(read.read_ms, case.now_ms())}"


def side_by_side(settings: CampaignSettings, facts: CampaignFacts | None) -> list[Limit]:
    """A row for each carrier, AT&T and T-Mobile first."""
    provider = limits(CampaignSettings(margin=0), facts)
    ours = limits(replace(settings, other_providers=0, margin=0), None)
    holds = limits(settings, facts)
    rows = [
        Limit(
            _NAMES[Carrier.ATT],
            "minute",
            provider.per_minute.get(Carrier.ATT),
            f"class {facts.att_class}" if facts and facts.att_class else "",
            ours.per_minute.get(Carrier.ATT),
            f"class {settings.campaign_class}" if settings.campaign_class and not settings.att_per_minute else "",
            holds.per_minute.get(Carrier.ATT),
        ),
        Limit(
            _NAMES[Carrier.T_MOBILE],
            "day",
            provider.per_day.get(Carrier.T_MOBILE),
            f"tier {facts.t_mobile_tier}" if facts and facts.t_mobile_tier else "",
            ours.per_day.get(Carrier.T_MOBILE),
            f"{settings.other_providers} % for others, {settings.margin} % unused",
            holds.per_day.get(Carrier.T_MOBILE),
        ),
    ]
    return rows + [_further(carrier, ours, holds) for carrier in _NAMES if carrier not in _BY_PROVIDER]


# Of the others the provider reports no limit.
_BY_PROVIDER = (Carrier.ATT, Carrier.T_MOBILE)


def _further(carrier: Carrier, ours: CarrierLimits, holds: CarrierLimits) -> Limit:
    return Limit(
        _NAMES[carrier], "minute", None, "", ours.per_minute.get(carrier), "", holds.per_minute.get(carrier)
    )


# --------------------------------------------------------------------------------------------- problems


def _above(case: Case) -> list[Problem]:
    """Parameters that are above what the provider reports."""
    assert case.settings is not None
    settings = case.settings.campaign
    names = ("AttSegmentsPerMinute" if settings.att_per_minute else "CampaignClass", "TmobileSegmentsPerDay")
    codes = ("40018", "40016")
    return [
        (
            f"{name} lets {row.parameters:,} segments a {row.per} go to {row.carrier}, and the provider reports "
            f"{row.provider:,}{f' ({plain(row.provider_words)})' if row.provider_words else ''}: what is above is "
            f"refused and charged ({code}).",
            f"Leave {name} empty, or set what was agreed on: {case.set_to(name)}.",
        )
        for row, name, code in zip(case.limits, names, codes, strict=False)
        if row.parameters and row.provider and row.parameters > row.provider
    ]


def _too_little(case: Case, settings: Settings) -> list[Problem]:
    """A day's limit that a single long text exceeds."""
    row, ours = case.limits[1], settings.campaign
    if row.holds is None or row.holds >= _LONGEST_TEXT:
        return []
    day = row.parameters or row.provider
    return [
        (
            f"OtherProvidersShare ({ours.other_providers} %) and CarrierMargin ({ours.margin} %) leave "
            f"{row.holds} of T-Mobile's {day:,} segments a day: a long text never leaves.",
            f"Lower them ({case.set_to('OtherProvidersShare')}), or have the brand vetted for a higher tier.",
        )
    ]


def _too_short(case: Case, settings: Settings) -> list[Problem]:
    """Texts that expire while they wait for T-Mobile's next day."""
    if case.limits[1].holds is None or settings.validity_minutes >= _DAY_MINUTES:
        return []
    return [
        (
            f"ValidityMinutes is {settings.validity_minutes}: a text that waits for T-Mobile's next day (up to "
            f"{_DAY_MINUTES:,} minutes) expires before.",
            f"Set it to {_DAY_MINUTES} or more: {case.set_to('ValidityMinutes')}.",
        )
    ]


def _unread(case: Case, read: CampaignFacts | None) -> list[Problem]:
    """The provider's word, if the functions don't come to it as we do."""
    if case.facts is None or read is None or case.now_ms() - read.read_ms <= _READ_WITHIN_MS:
        return []
    return [
        (
            f"The functions read what the provider reports last {relative(read.read_ms, case.now_ms())}, where "
            "they should each hour.",
            f"See why: {case.log('reconciler')}",
        )
    ]


def _unknown(case: Case, parameters: Mapping[str, str]) -> Problem:
    """Carriers that no limit is known of, each with the parameter that would say it."""
    carriers = " and ".join(parameters)
    return (
        f"Neither the provider nor a parameter says how much {carriers} let through: texts leave without regard "
        "to it, and what is above is refused and charged (40016, 40018).",
        f"The portal shows it with the campaign: {'; '.join(map(case.set_to, parameters.values()))}.",
    )


# --------------------------------------------------------------------------------------------- what is shown


def shown(rows: Sequence[Limit]) -> RenderableType:
    """The rows as a table."""
    made = Table(box=None, pad_edge=False, show_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    for heading in ("segments", "the provider reports", "the parameters say", "what holds"):
        # What the parameters say may take two lines.
        made.add_column(heading, no_wrap=not heading.startswith("the param"), overflow="fold")
    for row in rows:
        made.add_row(
            f"{row.carrier}, a {row.per}",
            _words(row.provider, row.provider_words, "not said"),
            _words(row.parameters, row.parameter_words, "not set"),
            _words(row.holds, "", "no limit"),
        )
    return made


def _words(number: int | None, comes_from: str, none: str) -> str:
    said = plain(comes_from)
    if number is None:
        return f"{none}; {said}" if said else none
    return f"{number:,} ({said})" if said else f"{number:,}"


# Any: JSON.
def shown_json(rows: Sequence[Limit]) -> list[dict[str, Any]]:
    """The same for a script: null is no limit, or one that is not named."""
    return [
        {
            "carrier": row.carrier,
            "per": row.per,
            "provider": row.provider,
            "parameters": row.parameters,
            "holds": row.holds,
        }
        for row in rows
    ]


CHECKS = {"carrier limits": _limits}
