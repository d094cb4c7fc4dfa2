"""Campaigns of a stack: how its tags stand, and pauses of a tag or a carrier."""

from decimal import Decimal
from typing import Annotated

import typer

from longcode.aws.carriers import DynamoCarriers
from longcode.aws.counters import DynamoCounters
from longcode.aws.tag_brakes import DynamoBrakes
from longcode.domain import pacing
from longcode.domain.campaign import CampaignSettings
from longcode.domain.carriers import Carrier
from longcode.domain.message import is_tag
from longcode.domain.tag_brake import Pause, Subject, SubjectKind
from longcode.use_cases import tag_brakes
from longcode.use_cases.tag_view import TagReader
from longcode_cli.stack import Stack
from longcode_cli.terminal import moment, now_ms, plain, relative, say, span

Tag = Annotated[str | None, typer.Option("--tag", metavar="TAG", help="Only bulk texts with this tag.")]
OfCarrier = Annotated[
    str | None, typer.Option("--carrier", metavar="NAME", help=f"Only bulk texts to it: {', '.join(Carrier)}.")
]


def brakes(stack: Stack) -> DynamoBrakes:
    """Its counts and pauses of tags and carriers."""
    return DynamoBrakes(
        stack.client("dynamodb"), stack.outputs["LimitsTableName"], stack.outputs["MessagesTableName"]
    )


def counters(stack: Stack) -> DynamoCounters:
    """Its counts of messages."""
    return DynamoCounters(stack.client("dynamodb"), stack.outputs["MessagesTableName"])


def reader(stack: Stack) -> TagReader:
    """What reads how its tags stand."""
    return TagReader(
        counters(stack),
        stack.finder,
        stack.messages,
        stack.limits,
        DynamoCarriers(stack.client("dynamodb"), stack.outputs["LimitsTableName"]),
        brakes(stack),
        stack.pace,
        _campaign(stack),
        stack.sender,
    )


def _campaign(stack: Stack) -> CampaignSettings:
    """The parameters on carriers, as the functions have them."""
    found = stack.parameters
    numbers = {
        name: int(Decimal(value)) if (value := found.get(name)) else None
        for name in ("AttSegmentsPerMinute", "TmobileSegmentsPerDay", "OtherProvidersShare", "CarrierMargin",
                     "TransactionalShare")
    }  # fmt: skip
    limits = [part.split("=") for part in found.get("CarrierLimits", "").replace(" ", "").split(",") if part]
    return CampaignSettings(
        campaign_class=found.get("CampaignClass", ""),
        att_per_minute=numbers["AttSegmentsPerMinute"],
        t_mobile_per_day=numbers["TmobileSegmentsPerDay"],
        other_providers=numbers["OtherProvidersShare"] or 0,
        margin=numbers["CarrierMargin"] or 0,
        transactional=numbers["TransactionalShare"] or 0,
        per_minute={Carrier(name): int(most) for name, most in limits},
    )


def subject(tag: str | None, carrier: str | None) -> Subject | None:
    """What is named by the options; None if neither is given. Raises BadParameter."""
    if tag is not None and carrier is not None:
        raise typer.BadParameter("Give a tag or a carrier.", param_hint="--carrier")
    if tag is not None:
        if not is_tag(tag):
            raise typer.BadParameter("No text can have this tag.", param_hint="--tag")
        return Subject(SubjectKind.TAG, tag)
    if carrier is None:
        return None
    if carrier not in set(Carrier):
        raise typer.BadParameter(f"Must be one of {', '.join(Carrier)}.", param_hint="--carrier")
    return Subject(SubjectKind.CARRIER, carrier)


def pause(stack: Stack, of: Subject, reason: str) -> None:
    """Pause a tag or a carrier, and say so."""
    now = now_ms()
    if tag_brakes.pause(of, reason, brakes(stack), now):
        say(f"Bulk texts {_of(of)} are paused. A request already on its way to the provider still ends.")
        say(f"What waits stays in its place; longcode resume --{of.kind} lets it go.")
        return
    made = brakes(stack).standings([of], now)[of].pause
    say(f"It was paused already{': ' + paused(made, now) if made else ''}.")


def resume(stack: Stack, of: Subject) -> None:
    """End the pause of a tag or a carrier, and say so."""
    now = now_ms()
    before = tag_brakes.resume(of, brakes(stack), now)
    if before is None:
        say(f"Bulk texts {_of(of)} were not paused. What is counted of them begins anew.")
        return
    say(f"Bulk texts {_of(of)} go on: {paused(before, now)}.")
    say(f"Those that wait look again within {span(pacing.recheck_ms(before.since_ms, now))}. Counts begin anew.")


def paused(pause: Pause, now: int) -> str:
    """Since when, by what and why."""
    by = "by its brake" if pause.by == "brake" else "by an operator"
    since = f"{moment(pause.since_ms, now)} ({relative(pause.since_ms, now)})"
    return f"paused since {since} {by}" + (f": {plain(pause.reason)}" if pause.reason else "")


def _of(of: Subject) -> str:
    return f"with the tag {plain(of.name)}" if of.kind is SubjectKind.TAG else f"to {of.name}"
