"""`longcode optouts sync`: the provider's own list of opt-outs, taken into the ledger."""

from itertools import count as counted

from rich.progress import BarColumn, TextColumn

from longcode.domain.errors import Unavailable
from longcode.domain.opt_outs import OptOutChange
from longcode.entrypoints.config import provider_key
from longcode.telnyx.opt_outs import TelnyxOptOuts
from longcode.use_cases.ports import ProviderOptOuts
from longcode_cli import terminal
from longcode_cli.commands.doctor import case
from longcode_cli.commands.doctor.account import Account
from longcode_cli.commands.doctor.case import Case
from longcode_cli.commands.optouts import recording
from longcode_cli.options import ANYWHERE, AsJson, DryRun, Where, Yes, examples, stack_options
from longcode_cli.problems import Problem
from longcode_cli.stack import Stack
from longcode_cli.terminal import count, now_ms, warn

EXAMPLES = examples(
    "optouts sync --dry-run",
    "optouts sync --yes --stack long-code-sms-prod --profile ops",
)

# How often a list is read that changes while it is read.
_READS = 3
_DOCTOR = "longcode doctor looks at the key and the account."


@stack_options(*ANYWHERE)
def command(where: Where, yes: Yes = False, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Record whom the provider has opted out. It is the list of the number's messaging profile.

    A person who has opted in here since stays opted in; texts to them are refused until they text START, for the
    provider's block is not changed. It may be stopped at any moment and run again: what is recorded is not
    recorded twice.

    The exit code is 1 if something fails.
    """
    stack = where.open()
    with case.client(stack) as client:
        about = Case(stack, client, now_ms)
        base_url, key = stack.parameters["TelnyxBaseUrl"], _key(about)
        profile_id = _profile(stack, Account(client, base_url, key, lambda _headers: None))
        changes = listed(TelnyxOptOuts(client, base_url, key, profile_id), now_ms())
    recording.run(stack, changes, recording.How(yes=yes, dry_run=dry_run, as_json=as_json))


def _key(about: Case) -> str:
    try:
        return provider_key(about.secret)
    except ValueError as exc:
        raise Problem(f"The secret with the provider's key is empty or {exc}.", _DOCTOR) from None


def _profile(stack: Stack, account: Account) -> str:
    profile_id = account.profile_of(stack.sender)
    if not profile_id:
        raise Problem("The number is on no messaging profile of this account.", _DOCTOR)
    return profile_id


def listed(provider: ProviderOptOuts, now_ms: int) -> dict[str, OptOutChange]:
    """The provider's list as opt-outs, by number. Raises Problem if it can't be read.

    A page begins where the one before it ended, so a list that grows shorter meanwhile is read again.
    """
    changes: dict[str, OptOutChange] = {}
    for _ in range(_READS):
        totals, unreadable = _read(provider, changes, now_ms)
        if len(totals) == 1:
            break
    else:
        warn("The list kept changing while it was read: another run takes what this one missed.")
    if unreadable:
        warn(f"{count(unreadable, 'row')} of the provider's list without a number: passed over.")
    return changes


def _read(provider: ProviderOptOuts, changes: dict[str, OptOutChange], now_ms: int) -> tuple[set[int | None], int]:
    """Read all pages into `changes`: how long the list was on each page, and how many rows have no number."""
    totals, unreadable, rows = set[int | None](), 0, 0
    with terminal.progress(TextColumn("Reading"), BarColumn(), terminal.Rate()) as show:
        for number in counted(1):
            try:
                page = provider.page(number)
            except Unavailable as exc:
                raise Problem(f"{exc}, on page {number}. Nothing was recorded.", _DOCTOR) from exc
            totals.add(page.total)
            unreadable += page.unreadable
            rows += len(page.rows)
            for row in page.rows:
                # What has no date is as old as its receipt.
                at_ms = now_ms if row.at_ms is None else min(row.at_ms, now_ms)
                if row.number not in changes or changes[row.number].at_ms < at_ms:
                    changes[row.number] = OptOutChange(at_ms, True, "sync", row.keyword)
            show(completed=rows, total=page.total)
            if page.last:
                return totals, unreadable
    raise AssertionError("unreachable")
