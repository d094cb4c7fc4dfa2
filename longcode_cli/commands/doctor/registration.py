"""10DLC: our number's campaign, where its events go, what the carriers say of both; and the number's health."""

from longcode.domain import phone
from longcode.domain.campaign import CampaignFacts, CampaignSettings, limits
from longcode.telnyx import registration, registration_states
from longcode.telnyx.registration_states import ENTERED, CampaignState, Health, NetworkState, Stage
from longcode_cli.commands.doctor.account import Campaign, Refused
from longcode_cli.commands.doctor.case import Case, NotApplicable, Outcome, Skipped, address, fail, ok, warn
from longcode_cli.commands.doctor.provider import account_of
from longcode_cli.terminal import count, plain, without_numbers

_PORTAL = "portal.telnyx.com, Messaging, 10DLC, Campaigns"
_ASSIGN = f"{_PORTAL}, the campaign, Assign Numbers"
_SEE_CAMPAIGN = "There is no campaign that all is well with; see campaign."
_SUPPORT = "10dlcquestions@telnyx.com"
# Of fewer texts a share says little.
_FEW = 100
# Registered numbers mostly have 95 % and more delivered.
_SUCCESS_WARN, _SPAM_WARN = 0.85, 0.05
# What the provider itself calls unhealthy. Source: Telnyx, API reference, messaging profiles, `skip_unhealthy`.
_SUCCESS_SICK, _SPAM_SICK = 0.25, 0.75


def _campaign(case: Case) -> Outcome:
    ours = phone.mask(case.stack.sender)
    if not case.us_long_code:
        return ok(f"10DLC does not apply to {ours}: it is about long codes of the United States")
    account = account_of(case)
    if case.listed is None:
        raise Skipped("The account has not got the number; see number.")
    try:
        campaign = account.campaign_of(case.stack.sender)
    except Refused as exc:
        if exc.http_status != 403:
            raise
        return warn(
            f"The key may not read 10DLC: {plain(str(exc))} Nor can the functions learn what the carriers take.",
            "Let the key's user read 10DLC; or set CampaignClass and TmobileSegmentsPerDay, which replace it.",
        )
    if campaign is None:
        return fail(
            f"{ours} is on no campaign, so that US carriers refuse its texts or hold them back (40010).",
            f"Assign it to one: {_ASSIGN}.",
        )
    case.campaign = campaign
    found = _ended(campaign) or _assignment(case, campaign) or _not_yet(campaign)
    if found is not None:
        return found
    case.campaign_is_well = True
    status = campaign.state.status if campaign.state else ""
    return ok(f"{ours} is on campaign {_name(campaign)}{f', {plain(status)}' if status else ''}")


def _ended(campaign: Campaign) -> Outcome | None:
    """A campaign that was good once, or was never let in."""
    state, name = campaign.state or CampaignState(), _name(campaign)
    why = _why(state.reasons)
    if state.stage is Stage.SUSPENDED:
        return fail(
            f"Campaign {name} is suspended ({plain(state.status)}){why}: by a carrier, or because it was dormant "
            "(15 days without a number and a text). US carriers refuse its texts (40010).",
            f"If it was dormant, assign the number again, twice: the first time fails and resumes it ({_ASSIGN}). "
            f"Else ask {_SUPPORT} why.",
        )
    if state.stage is Stage.EXPIRED:
        return fail(
            f"Campaign {name} has expired{why}, and can't be resumed: US carriers refuse its texts (40010).",
            f"Register another one ({_PORTAL}), and assign the number to it.",
        )
    if state.stage is Stage.REJECTED:
        return fail(
            f"Campaign {name} was rejected ({plain(state.status)}){why}.",
            f"Correct it and submit it again: {_PORTAL}, the campaign.",
        )
    return None


def _assignment(case: Case, campaign: Campaign) -> Outcome | None:
    """A number that is not wholly on its campaign."""
    name, why = _name(campaign), _why(campaign.number.reasons)
    match campaign.number.status:
        case "PENDING_ASSIGNMENT":
            return fail(
                f"The number is not yet on campaign {name}: its assignment is pending, and until it is done US "
                "carriers refuse its texts (40010).",
                f"Wait: it takes minutes, at times days. {case.longcode('pause')} holds the texts until then. "
                f"If it does not end, ask {_SUPPORT}.",
            )
        case "FAILED_ASSIGNMENT":
            return fail(
                f"The assignment to campaign {name} has failed{why}: US carriers refuse its texts (40010).",
                f"Settle the reason, and assign it again: {_ASSIGN}.",
            )
        case "PENDING_UNASSIGNMENT" | "FAILED_UNASSIGNMENT":
            return warn(
                f"The number is being taken off campaign {name} ({campaign.number.status}){why}.",
                f"If that is not meant, assign it again: {_ASSIGN}.",
            )
    return None


def _not_yet(campaign: Campaign) -> Outcome | None:
    if campaign.state is None or campaign.state.stage is not Stage.PENDING:
        return None
    return warn(
        f"Campaign {_name(campaign)} is not approved by the carriers yet ({plain(campaign.state.status)}).",
        f"Wait: it takes some days. Until then texts may be refused (40010). {_PORTAL}, the campaign, "
        "shows how far it is.",
    )


def _events(case: Case) -> Outcome:
    """Where the campaign's events go: they come to no other webhook."""
    campaign = _found(case)
    state, ours = campaign.state, case.webhook_url
    where = f"{_PORTAL}, the campaign, Webhook URL"
    if state is None:
        return warn(
            f"The provider does not show campaign {_name(campaign)}, nor where its events go.",
            f"Where the campaign is kept, set its webhook URL {ours}: only there its suspension is announced.",
        )
    if state.webhook_url.rstrip("/") != ours.rstrip("/"):
        to = f"to {plain(address(state.webhook_url))}" if state.webhook_url else "nowhere"
        return warn(
            f"The campaign's events (10dlc.*) go {to}, not to this stack: it does not learn of a suspension.",
            f"Set the webhook URL {ours}: {where}. The profile's is not used for them.",
        )
    return ok("the campaign's events (10dlc.*) come to this stack")


def _carriers(case: Case) -> Outcome:
    campaign, account = _found(case), account_of(case)
    try:
        content = account.metadata(campaign.ident)
    except Refused as exc:
        if not case.campaign_is_well:
            raise Skipped(_SEE_CAMPAIGN) from exc
        return warn(
            f"What the carriers say of the campaign can't be read: {plain(str(exc))}",
            "Try again later. What the parameters say holds meanwhile: see CampaignClass, TmobileSegmentsPerDay.",
        )
    networks = registration_states.networks(content)
    facts = registration.facts(campaign.assigned, content, case.now_ms())
    if networks or limits(CampaignSettings(), facts).any:
        case.facts = facts
    if not case.campaign_is_well:
        raise Skipped(_SEE_CAMPAIGN)
    if case.facts is None:
        return warn(
            "The provider names no carrier that the campaign was submitted to; of one that is kept elsewhere it "
            "may have none.",
            f"Ask {_SUPPORT} whether it was. Set CampaignClass and TmobileSegmentsPerDay yourself.",
        )
    problems = [*_entries(campaign), *_refusing(networks)]
    if problems:
        return warn(
            f"{'; '.join(problems)}: texts to that carrier may be refused (40010).",
            f"{_PORTAL}, the campaign, shows each carrier; if it stays so for a day, ask {_SUPPORT}.",
        )
    return ok("; ".join(_states(case.facts, networks)))


def _entries(campaign: Campaign) -> list[str]:
    """Which carriers have not got the number, or the campaign."""
    entries = campaign.number.entries
    missing = [
        f"The number is not entered at {name} ({plain(word)})" for name, word in entries.items() if word != ENTERED
    ]
    if entries and "T-Mobile" not in entries:
        missing.append("T-Mobile has no entry of the number")
    state = campaign.state or CampaignState()
    if state.t_mobile_suspended:
        missing.append("T-Mobile has suspended the campaign")
    elif state.t_mobile_registered is False:
        missing.append("T-Mobile has not registered the campaign")
    return missing


def _refusing(networks: list[NetworkState]) -> list[str]:
    """The networks that let nothing of the campaign through."""
    return [
        f"{plain(one.name)} {'does not support its use' if one.supported is False else 'does not qualify it'}"
        for one in networks
        if one.supported is False or one.qualified is False
    ]


def _states(facts: CampaignFacts, networks: list[NetworkState]) -> list[str]:
    """Each carrier's state in a few words."""
    words = {
        "AT&T": [
            f"class {plain(facts.att_class)}" if facts.att_class else "",
            f"{facts.att_per_minute:,} segments a minute" if facts.att_per_minute else "",
        ],
        "T-Mobile": [
            f"tier {plain(facts.t_mobile_tier)}" if facts.t_mobile_tier else "",
            f"{facts.t_mobile_per_day:,} segments a day" if facts.t_mobile_per_day else "",
        ],
    }
    names = dict.fromkeys([*words, *(plain(one.name) for one in networks)])
    qualified = {plain(one.name) for one in networks if one.qualified}
    states = []
    for name in names:
        said = [*filter(None, words.get(name, [])), *(["qualified"] if name in qualified else [])]
        states.append(f"{name}: {', '.join(said) or 'nothing said'}")
    return states


def _health(case: Case) -> Outcome:
    account = account_of(case)
    if case.listed is None:
        raise Skipped("The account has not got the number; see number.")
    try:
        found = account.health(case.stack.sender)
    except Refused as exc:
        if exc.http_status != 403:
            raise
        raise Skipped(f"The key may not read it: {plain(str(exc))}") from exc
    if found is None or found.messages is None:
        raise Skipped("The provider says nothing of it.")
    return judge_health(found, case.longcode("find --status delivery_failed"))


def judge_health(found: Health, find: str) -> Outcome:
    """How a number stands; `find` is the command that lists its failed texts."""
    texts = count(found.messages or 0, "text")
    if (found.messages or 0) < _FEW:
        return ok(f"{texts}: too few to tell how its texts go")
    shares = " and ".join(
        f"{share:.0%} {words}"
        for share, words in ((found.success, "delivered"), (found.spam, "blocked as spam"))
        if share is not None
    )
    words = f"of {texts} {shares}" if shares else f"{texts}, and no word of how they went"
    success, spam = (1.0 if found.success is None else found.success), found.spam or 0.0
    if success >= _SUCCESS_WARN and spam <= _SPAM_WARN:
        return ok(words)
    sick = success < _SUCCESS_SICK or spam > _SPAM_SICK
    verdict = ": the provider calls such a number unhealthy" if sick else ""
    if spam > _SPAM_WARN:
        return warn(
            f"Of {texts} {shares}{verdict}. Carriers block such a number altogether in the end.",
            "Send only to people who asked for it, and only what the campaign's samples show; no shortened links. "
            f"{find} lists them (40002, 40003, 40017).",
        )
    return warn(
        f"Of {texts} {shares}{verdict}. Many failures make carriers filter the rest.",
        f"{find} lists the failed ones with their codes: take numbers off your lists that are landlines (40001) "
        "or unreachable (40008).",
    )


def _found(case: Case) -> Campaign:
    if not case.us_long_code:
        raise NotApplicable
    if case.campaign is None:
        raise Skipped(_SEE_CAMPAIGN)
    return case.campaign


def _name(campaign: Campaign) -> str:
    """The id that the portal shows, and that events and answers name."""
    return plain(campaign.assigned.tcr_id or campaign.ident)


def _why(reasons: str) -> str:
    return f" ({without_numbers(plain(reasons), full=False)})" if reasons else ""


CHECKS = {"campaign": _campaign, "campaign events": _events, "carriers": _carriers, "number health": _health}
