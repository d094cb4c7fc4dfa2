"""The provider as the stack uses it: the key in the secret, the number and its messaging profile."""

from longcode.domain import phone
from longcode.entrypoints.config import provider_key
from longcode_cli.commands.doctor.account import WEBHOOK_API_VERSION, Account, Profile, Refused
from longcode_cli.commands.doctor.case import Case, Outcome, Skipped, address, fail, ok, warn
from longcode_cli.terminal import plain

PORTAL_KEYS = "portal.telnyx.com, Keys & Credentials"
_PORTAL_NUMBERS = "portal.telnyx.com, Numbers"
_PORTAL_PROFILE = "portal.telnyx.com, Messaging, the profile"


def _put_key(case: Case) -> str:
    return case.stack.aws(
        f"secretsmanager put-secret-value --secret-id {case.resources['TelnyxSecret']} "
        "--secret-string file:///dev/stdin"
    )


def _secret(case: Case) -> Outcome:
    todo = f"Put in the API v2 key from {PORTAL_KEYS}: {_put_key(case)}"
    try:
        key = provider_key(case.secret)
    except ValueError as exc:
        return fail(f"It can be read, but is empty or {exc}: no header can carry it.", todo)
    if not key.startswith("KEY"):
        return warn(f"a key of {len(key)} characters, not of the form KEY…", f"Is it one of Telnyx's? {todo}")
    return ok(f"readable: a key of {len(key)} characters, of the form KEY…")


def _key(case: Case) -> Outcome:
    try:
        key = provider_key(case.secret)
    except Exception as exc:
        # Whatever it was: the check of the secret, the row above, has it.
        raise Skipped("There is no key to try; see secret.") from exc
    account = Account(
        case.client,
        case.stack.parameters["TelnyxBaseUrl"],
        key,
        lambda headers: case.heard("the provider", headers),
    )
    try:
        credit = account.credit()
    except Refused as exc:
        if exc.http_status == 401:
            return fail(
                f"refused: {plain(str(exc))}",
                f"Make an API v2 key ({PORTAL_KEYS}), and put it in: {_put_key(case)} . "
                f"Running functions take it up by themselves; then {case.longcode('resume --breaker')}.",
            )
        if exc.http_status != 403:
            raise
        case.account = account
        return warn(
            f"known, but it may not read the balance: {plain(str(exc))}",
            f"Nothing to do if it is restricted on purpose ({PORTAL_KEYS}).",
        )
    case.account = account
    if credit is None:
        return ok(f"accepted by {account.host}")
    left, currency = f"{credit[0]:.2f}", plain(credit[1])
    if credit[0] <= 0:
        return warn(
            f"accepted by {account.host}, but {left} {currency} are left to spend.",
            "Add funds (portal.telnyx.com, Billing), or the provider will refuse (20100).",
        )
    return ok(f"accepted by {account.host}, {left} {currency} left to spend")


def account_of(case: Case) -> Account:
    """The account at the provider. Raises Skipped if the key is not good for it."""
    if case.account is None:
        raise Skipped("The provider lets us see nothing; see provider key.")
    return case.account


def _number(case: Case) -> Outcome:
    ours = phone.mask(case.stack.sender)
    case.listed = account_of(case).listed(case.stack.sender)
    if case.listed is None:
        return fail(
            f"The account of this key has no number {ours}.",
            f"Get it there ({_PORTAL_NUMBERS}), use the key of its account, or deploy with a number of this "
            f"account: {case.set_to('TelnyxLongCode')}",
        )
    if not case.listed.profile_id:
        return fail(
            f"{ours} is on no messaging profile, so that the provider refuses to send from it (40300).",
            f"Put it on one: {_PORTAL_NUMBERS}, the number, Messaging.",
        )
    return ok(f"{ours} is on a messaging profile")


def _profile(case: Case) -> Outcome:
    account = account_of(case)
    if case.listed is None or not case.listed.profile_id:
        raise Skipped("There is no profile to look at; see number.")
    return judge(account.profile(case.listed.profile_id), case.webhook_url)


def judge(profile: Profile, webhook_url: str) -> Outcome:
    """How a messaging profile stands, whose webhooks are to come to `webhook_url`."""
    if not profile.enabled:
        return fail(
            "The messaging profile is switched off, so that the provider refuses to send (40312).",
            f"Switch it on: {_PORTAL_PROFILE}.",
        )
    if profile.webhook_api_version != WEBHOOK_API_VERSION:
        return warn(
            f"Its webhooks are of API version {plain(profile.webhook_api_version) or 'none'}: inbound texts, "
            "STOP among them, are refused.",
            f"Set webhook API version {WEBHOOK_API_VERSION}: {_PORTAL_PROFILE}, Inbound.",
        )
    if profile.webhook_url.rstrip("/") != webhook_url.rstrip("/"):
        where = f"to {plain(address(profile.webhook_url))}" if profile.webhook_url else "nowhere"
        return warn(
            f"Inbound texts, STOP among them, go {where}, not to this stack.",
            f"Set the webhook URL {webhook_url}: {_PORTAL_PROFILE}, Inbound. Receipts come without it.",
        )
    return ok(f"on, webhooks of version {WEBHOOK_API_VERSION} to this stack")


CHECKS = {"secret": _secret, "provider key": _key, "number": _number, "profile": _profile}
