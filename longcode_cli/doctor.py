"""Whether a stack can do its work: each thing that it depends on is tried, and what is broken says what to do.

Nothing is changed and nothing is sent to anybody. The checks are in the order in which to mend what they find; one
that fails never stops the next.
"""

import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from statistics import median
from typing import Any
from urllib.parse import urlsplit

import httpx
from nacl.signing import SigningKey

from devtools.local_stack import sam_template, signing
from devtools.local_stack.layout import Layout, Stack
from devtools.local_stack.release import ALIAS, alias_of
from longcode.domain import destinations, phone
from longcode.domain.errors import ConfigurationError, SignatureRefused
from longcode.domain.message import Message, iso
from longcode.domain.search import Search
from longcode.entrypoints.config import Settings, provider_key
from longcode.telnyx import error_codes, signature
from longcode_cli import ROOT, concurrency, overview, problems, redrive, show
from longcode_cli.account import WEBHOOK_API_VERSION, Account, Profile, Refused
from longcode_cli.finding import Finding, State
from longcode_cli.overview import Overview
from longcode_cli.problems import Problem
from longcode_cli.target import Target

# The gateway gives up after 29 s; a first call starts a function.
TIMEOUT = httpx.Timeout(30.0, connect=5.0)
# The provider waits no longer for an answer to a webhook.
_WEBHOOK_MOST_MS = 2_000
_SKEW_WARN_MS, _SKEW_FAIL_MS = 30_000, 240_000
# What the alarm on the queue's age takes for too long as well.
_WAIT_WARN_MS = 15 * 60_000
_DAY_MS = 86_400_000
_EVIDENCE_DAYS = 7
# A receipt takes seconds; only a text this old says something by having none.
_RECEIPT_MS = 5 * 60_000
_LOOKED_AT = 50
# One text may lose its receipts; so many have not.
_SILENT_SINCE = 3
_OPTOUTS_MOST = 100
_SETTLED = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE")
_ROLLED_BACK = ("UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE")
_BACK_BY_HAND = (
    "CloudFormation does not see an alias that was moved by hand, and a deployment without a change leaves it: "
    "set a parameter to another value and back."
)
# How Lambda's words begin where a function failed on its last batch; the second is the emulator's.
_FAILING = ("PROBLEM", "FAILED")
_PORTAL_KEYS = "portal.telnyx.com, Keys & Credentials"
_PORTAL_NUMBERS = "portal.telnyx.com, Numbers"
_PORTAL_PROFILE = "portal.telnyx.com, Messaging, the profile"


class Skipped(Exception):
    """This can't be looked at; the words say why."""


Outcome = tuple[State, str, str]


def _ok(found: str) -> Outcome:
    return State.OK, found, ""


def _warn(found: str, todo: str) -> Outcome:
    return State.WARN, found, todo


def _fail(found: str, todo: str) -> Outcome:
    return State.FAIL, found, todo


@dataclass
class Case:
    """A stack under examination, and what earlier checks found that later ones build on."""

    at: Target
    client: httpx.Client
    now_ms: Callable[[], int]
    to: str | None = None
    account: Account | None = None
    profile_id: str | None = None
    webhook_refuses: bool = False
    # Whose clock: how far it is ahead of this machine's, in ms.
    ahead_ms: dict[str, float] = field(default_factory=dict)

    @property
    def local(self) -> bool:
        """Whether it is a stack of this machine."""
        return self.at.place.endpoint_url is not None

    @property
    def webhook_url(self) -> str:
        """Where the provider is to call."""
        return self.at.formation.parameters.get("WebhookUrl") or f"{self.at.api_url}/webhooks/message"

    @property
    def redeploy(self) -> str:
        """The command that sets everything to what the template and the parameters say."""
        if not self.local:
            return "make deploy"
        return "make up" + (f" DIR={self.at.place.home}" if self.at.place.home else "")

    def set_to(self, parameter: str) -> str:
        """How to deploy with another value of `parameter`."""
        return (
            f'{self.redeploy} SET="{parameter}=…"' if self.local else f"make deploy GUIDED=1 asks for {parameter}"
        )

    def longcode(self, command: str) -> str:
        """A command of ours for the same stack."""
        if not self.local:
            return f"longcode {command} --stack {self.at.formation.stack}"
        return f"longcode {command}" + (f" --dir {self.at.place.home}" if self.at.place.home else "")

    def log(self, function: str) -> str:
        """The command that shows a function's log."""
        return self.at.place.aws(f"logs tail /aws/lambda/{self.at.formation.stack}-{function} --since 15m")

    @cached_property
    def resources(self) -> dict[str, str]:
        """The stack's resources: logical id → physical id."""
        pages = self.at.client("cloudformation").get_paginator("list_stack_resources")
        return {
            row["LogicalResourceId"]: row["PhysicalResourceId"]
            for page in pages.paginate(StackName=self.at.formation.stack)
            for row in page["StackResourceSummaries"]
            if "PhysicalResourceId" in row
        }

    @cached_property
    def template(self) -> dict[str, Any]:
        """The template of this checkout."""
        return sam_template.load(ROOT / "template.yaml")

    @cached_property
    def secret(self) -> str:
        """What the secret holds."""
        found = self.at.client("secretsmanager").get_secret_value(SecretId=self.resources["TelnyxSecret"])
        return str(found.get("SecretString", ""))

    @cached_property
    def signing_key(self) -> SigningKey | None:
        """What the stack's provider signs with: known of the simulated one only."""
        if not self.local:
            return None
        layout = Layout.of(self.at.place.home)
        stack = Stack.load(layout)
        return signing.provider_key(layout, stack) if stack else None

    @cached_property
    def overview(self) -> Overview:
        """The queue and the brakes."""
        return overview.look(self.at, self.now_ms(), at_most_texts=1000, at_most_lines=0)

    def heard(self, whose: str, headers: Mapping[str, str]) -> None:
        """Note down the time that an answer which has just come says it is."""
        try:
            said = parsedate_to_datetime(headers.get("date", ""))
        except ValueError:
            return
        # It is cut to whole seconds.
        self.ahead_ms.setdefault(whose, said.timestamp() * 1000 + 500 - self.now_ms())

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """GET from the API. Raises Problem if nothing answers."""
        return self._called(lambda: self.client.get(self.at.api_url + path, headers=headers), self.at.api_url)

    def post(self, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        """POST to the webhook URL. Raises Problem if nothing answers."""
        url = self.webhook_url
        sent = {"content-type": "application/json", **headers}
        return self._called(lambda: self.client.post(url, content=body, headers=sent), url)

    def _called(self, call: Callable[[], httpx.Response], url: str) -> httpx.Response:
        where = urlsplit(url)
        try:
            answer = call()
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            mend = "Check this machine's network, the name in DNS and its certificate."
            if not url.startswith(self.at.api_url):
                mend = f"{mend} Is the parameter WebhookUrl right?"
            raise Problem(
                f"Nothing answers at {where.scheme}://{where.netloc} ({type(exc).__name__}).",
                "make up starts it." if self.local else mend,
            ) from None
        if url.startswith(self.at.api_url):
            self.heard("the API", answer.headers)
        return answer


# ------------------------------------------------------------------------------------------ the stack itself


def _stack(case: Case) -> Outcome:
    status = case.at.formation.status
    if status in _SETTLED:
        return _ok(status)
    if status in _ROLLED_BACK:
        return _warn(
            f"{status}: the last deployment failed, and the one before it is back.",
            "CloudFormation's events of the stack say why; mend that and deploy again: " + case.redeploy,
        )
    if status.endswith("_IN_PROGRESS"):
        return _warn(f"{status}: a deployment is under way.", "Wait for its end and run the doctor again.")
    return _fail(
        status,
        "CloudFormation's events of the stack say why; mend that and deploy again: " + case.redeploy,
    )


def _settings(case: Case) -> Outcome:
    wanted = _wanted(case)
    invalid: dict[str, list[str]] = {}
    other: dict[str, list[str]] = {}
    waiting: list[str] = []
    functions = sorted(sam_template.functions(case.template).keys() & case.resources.keys())
    if not functions:
        return _fail("The stack has no functions.", f"Deploy it to its end: {case.redeploy}")
    client = case.at.client("lambda")
    for logical_id in functions:
        name = case.resources[logical_id]
        deployed = client.get_function_configuration(FunctionName=name, Qualifier=ALIAS)
        env = deployed.get("Environment", {}).get("Variables", {})
        short = name.removeprefix(f"{case.at.formation.stack}-")
        if _content(deployed) != _content(client.get_function_configuration(FunctionName=name)):
            waiting.append(short)
        try:
            Settings.from_env(env)
        except ConfigurationError as exc:
            invalid.setdefault("; ".join(exc.problems), []).append(short)
        for variable, value in wanted.items():
            if env.get(variable) != value:
                other.setdefault(variable, []).append(short)
    if invalid:
        return _fail(
            " ".join(f"{_some(names)}: {what}." for what, names in invalid.items()),
            f"They do not start. Mend these parameters: {case.redeploy}. {_BACK_BY_HAND}",
        )
    if other:
        return _fail(
            " ".join(f"{_some(names)}: {variable} is not the stack's own." for variable, names in other.items()),
            "A parameter that was changed without make deploy reaches no function: "
            f"{case.redeploy}. {_BACK_BY_HAND}",
        )
    if waiting:
        return _fail(
            f"{_some(waiting)}: what was deployed last is not what is called.",
            f"It was deployed without another value of the parameter Release: {case.redeploy}. {_BACK_BY_HAND}",
        )
    return _ok(f"{len(functions)} functions, valid, and as the stack's parameters say")


def _content(configuration: Any) -> object:
    """What a version of a function consists of, as far as an invocation can tell."""
    layers = [layer["Arn"] for layer in configuration.get("Layers", [])]
    return configuration.get("CodeSha256"), layers, configuration.get("Environment")


def _concurrency(case: Case) -> Outcome:
    have = concurrency.limit(case.at.client("lambda"))
    found = concurrency.short(have, case.at.formation.parameters)
    if found:
        return _warn(*found)
    return _ok(f"the account may run {have:,} functions side by side")


def _wanted(case: Case) -> dict[str, str]:
    """What each function's environment has to hold, where the template takes it from the stack."""
    known = {**case.resources, **case.at.formation.parameters}
    variables = case.template["Globals"]["Function"]["Environment"]["Variables"]
    named = {name: value["Ref"] for name, value in variables.items() if isinstance(value, dict) and "Ref" in value}
    return {name: known[ref] for name, ref in named.items() if ref in known}


def _some(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 3 else f"{', '.join(names[:2])} and {len(names) - 2} more"


# ---------------------------------------------------------------------------------------------- the provider


def _put_key(case: Case) -> str:
    return case.at.place.aws(
        f"secretsmanager put-secret-value --secret-id {case.resources['TelnyxSecret']} "
        "--secret-string file:///dev/stdin"
    )


def _secret(case: Case) -> Outcome:
    mend = f"Put in the API v2 key from {_PORTAL_KEYS}: {_put_key(case)}"
    try:
        key = provider_key(case.secret)
    except ValueError as exc:
        return _fail(f"It can be read, but is empty or {exc}: no header can carry it.", mend)
    if not key.startswith("KEY"):
        return _warn(f"a key of {len(key)} characters, not of the form KEY…", f"Is it one of Telnyx's? {mend}")
    return _ok(f"readable: a key of {len(key)} characters, of the form KEY…")


def _key(case: Case) -> Outcome:
    try:
        key = provider_key(case.secret)
    except Exception as exc:
        # Whatever it was: the check of the secret, one line above, has told it.
        raise Skipped("There is no key to try; see secret.") from exc
    account = Account(
        case.client,
        case.at.formation.parameters["TelnyxBaseUrl"],
        key,
        lambda headers: case.heard("the provider", headers),
    )
    try:
        credit = account.credit()
    except Refused as exc:
        if exc.http_status == 401:
            return _fail(
                f"refused: {show.plain(str(exc))}",
                f"Make an API v2 key ({_PORTAL_KEYS}), and put it in: {_put_key(case)} . "
                f"Running functions take it up by themselves; then {case.longcode('resume --breaker')}.",
            )
        if exc.http_status != 403:
            raise
        case.account = account
        return _warn(
            f"known, but it may not read the balance: {show.plain(str(exc))}",
            f"Nothing to do if it is restricted on purpose ({_PORTAL_KEYS}).",
        )
    case.account = account
    if credit is None:
        return _ok(f"accepted by {account.host}")
    left, currency = f"{credit[0]:.2f}", show.plain(credit[1])
    if credit[0] <= 0:
        return _warn(
            f"accepted by {account.host}, but {left} {currency} are left to spend.",
            "Add funds (portal.telnyx.com, Billing), or the provider will refuse (20100).",
        )
    return _ok(f"accepted by {account.host}, {left} {currency} left to spend")


def _account(case: Case) -> Account:
    if case.account is None:
        raise Skipped("The provider lets us see nothing; see provider key.")
    return case.account


def _number(case: Case) -> Outcome:
    account, ours = _account(case), phone.mask(case.at.sender)
    profile_id = account.profile_of(case.at.sender)
    if profile_id is None:
        return _fail(
            f"The account of this key has no number {ours}.",
            f"Get it there ({_PORTAL_NUMBERS}), use the key of its account, or deploy with a number of this "
            f"account: {case.set_to('TelnyxLongCode')}",
        )
    if not profile_id:
        return _fail(
            f"{ours} is on no messaging profile, so that the provider refuses to send from it (40300).",
            f"Put it on one: {_PORTAL_NUMBERS}, the number, Messaging.",
        )
    case.profile_id = profile_id
    return _ok(f"{ours} is on a messaging profile")


def _profile(case: Case) -> Outcome:
    account = _account(case)
    if case.profile_id is None:
        raise Skipped("There is no profile to look at; see number.")
    return judge(account.profile(case.profile_id), case.webhook_url)


def judge(profile: Profile, webhook_url: str) -> Outcome:
    """How a messaging profile stands, whose webhooks are to come to `webhook_url`."""
    if not profile.enabled:
        return _fail(
            "The messaging profile is switched off, so that the provider refuses to send (40312).",
            f"Switch it on: {_PORTAL_PROFILE}.",
        )
    if profile.webhook_api_version != WEBHOOK_API_VERSION:
        return _warn(
            f"Its webhooks are of API version {show.plain(profile.webhook_api_version) or 'none'}: inbound texts, "
            "STOP among them, are refused.",
            f"Set webhook API version {WEBHOOK_API_VERSION}: {_PORTAL_PROFILE}, Inbound.",
        )
    if profile.webhook_url.rstrip("/") != webhook_url.rstrip("/"):
        where = f"to {show.plain(_address(profile.webhook_url))}" if profile.webhook_url else "nowhere"
        return _warn(
            f"Inbound texts, STOP among them, go {where}, not to this stack.",
            f"Set the webhook URL {webhook_url}: {_PORTAL_PROFILE}, Inbound. Receipts come without it.",
        )
    return _ok(f"on, webhooks of version {WEBHOOK_API_VERSION} to this stack")


def _address(url: str) -> str:
    """A URL without what may be secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


# ------------------------------------------------------------------------------------------------- the API


def _health(case: Case) -> Outcome:
    answer = case.get("/health")
    if answer.status_code == 200 and _json(answer).get("status") == "healthy":
        return _ok("/health answers without a key")
    return _fail(f"/health answers {_told(answer)}.", f"Its log says why: {case.log('health')}")


def _api_key(case: Case) -> Outcome:
    ident = case.at.formation.outputs["ApiKeyId"]
    key = case.at.client("apigateway").get_api_key(apiKey=ident, includeValue=True)
    path = f"/sms/status/{uuid.uuid4()}"
    stranger = case.get(path)
    if stranger.status_code != 403:
        return _fail(
            f"Without a key /sms/status answers {_told(stranger)}, where 403 is due: is the API open to anybody?",
            f"Set the gateway to what the template says: {case.redeploy}",
        )
    ours = case.get(path, {"x-api-key": key["value"]})
    if ours.status_code == 429:
        return _warn("The gateway throttles the API key.", "Somebody sends more than the usage plan allows.")
    if ours.status_code != 404 or _json(ours).get("code") != "not_found":
        return _fail(
            f"With the API key /sms/status answers {_told(ours)}, where 404 not_found is due.",
            f"For a 403, {case.redeploy} puts the key on the usage plan; else see the log: {case.log('status')}",
        )
    if key.get("enabled") is False:
        return _fail("The API key is switched off.", f"Switch it on: {case.redeploy}")
    return _ok("lets us in, and nobody without it")


def _json(answer: httpx.Response) -> dict[str, Any]:
    try:
        fields = json.loads(answer.content)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _told(answer: httpx.Response) -> str:
    code = _json(answer).get("code")
    return f"{answer.status_code}{f' {show.plain(str(code))}' if code else ''}"


# -------------------------------------------------------------------------------------------- the webhooks


def _self_test(case: Case) -> bytes:
    """An event of a kind that nobody sends: acknowledged if it is verified, and stored nowhere."""
    data = {
        "event_type": "doctor.self_test",
        "id": str(uuid.uuid4()),
        "occurred_at": iso(case.now_ms()),
        "payload": {},
        "record_type": "event",
    }
    return json.dumps({"data": data, "meta": {"attempt": 1, "delivered_to": case.webhook_url}}).encode()


def _webhook(case: Case) -> Outcome:
    """Whatever is not signed by the provider, just now, has to be refused."""
    now_s = case.now_ms() / 1000
    body = _self_test(case)
    tries = [("unsigned", {}), ("signed by a stranger", signing.signed(SigningKey.generate(), body, now_s))]
    if case.signing_key:
        old_s = now_s - signature.TOLERANCE_S - 60
        tries.append(("signed too long ago", signing.signed(case.signing_key, body, old_s)))
    took_ms = []
    for what, headers in tries:
        started = time.monotonic()
        answer = case.post(body, headers)
        took_ms.append(int((time.monotonic() - started) * 1000))
        if answer.status_code == 401 and _json(answer).get("code") == SignatureRefused.code:
            continue
        if answer.is_success:
            return _fail(
                f"It takes a webhook that is {what} ({_told(answer)}): anybody could forge receipts.",
                f"Is it this stack that answers at {_address(case.webhook_url)}? {case.set_to('WebhookUrl')}",
            )
        return _fail(
            f"It answers {_told(answer)}, where 401 {SignatureRefused.code} is due.",
            f"The provider gets no further. {_address(case.webhook_url)} has to lead to {case.at.api_url}"
            f"/webhooks/message, unchanged; the log: {case.log('webhook')}",
        )
    case.webhook_refuses = True
    if min(took_ms) > _WEBHOOK_MOST_MS:
        return _warn(
            f"It refuses what it should, but takes {min(took_ms)} ms: the provider waits for 2 s.",
            f"See what keeps it: {case.log('webhook')}",
        )
    *others, last = (what for what, _ in tries)
    return _ok(f"reachable from here; refuses what is {', '.join(others)} or {last}")


def _receipts(case: Case) -> Outcome:
    """What the provider signs has to be taken."""
    if not case.webhook_refuses:
        raise Skipped("The webhook does not answer as it should; see webhook.")
    if case.signing_key is None:
        return _evidence(case)
    body = _self_test(case)
    answer = case.post(body, signing.signed(case.signing_key, body, case.now_ms() / 1000))
    if answer.status_code == 200 and _json(answer).get("status") == "acknowledged":
        return _ok("takes what the provider signs")
    if answer.status_code == 401:
        return _fail(
            "It refuses what the provider signs: no receipt and no inbound text gets in.",
            f"TelnyxPublicKey is not the provider's key. {case.redeploy} takes the simulated provider's own. "
            "(Or this machine's clock is off: see clocks.)",
        )
    return _fail(f"To what the provider signs it answers {_told(answer)}.", f"The log: {case.log('webhook')}")


def _evidence(case: Case) -> Outcome:
    """Nobody but the provider can sign. So a webhook that was verified lately is the proof."""
    now = case.now_ms()
    silent: list[Message] = []
    # Mostly the first of these tells.
    for days in (1, _EVIDENCE_DAYS):
        found = case.at.finder.find(Search(since_ms=now - days * _DAY_MS), None, _LOOKED_AT, now)
        messages = case.at.messages.get_all(found.ids)
        last = max((at for message in messages for at in _verified_ms(message)), default=None)
        silent = [
            message
            for message in messages
            if message.telnyx_id and now - message.updated_ms > _RECEIPT_MS and not _verified_ms(message)
        ]
        if last is None:
            continue
        told = f"the last webhook that was verified came {show.relative(last, now)}"
        since = [message for message in silent if message.accepted_ms > last]
        if len(since) >= _SILENT_SINCE:
            return _warn(f"{told}, and {len(since)} texts since then had none.", _compare_keys(case))
        return _ok(f"takes what the provider signs: {told}")
    if silent:
        return _fail(
            f"The provider took {show.count(len(silent), 'text')} in the last {_EVIDENCE_DAYS} days, and not one "
            "webhook for them was verified.",
            _compare_keys(case),
        )
    return _warn(
        f"No verified webhook was seen in {_EVIDENCE_DAYS} days: whether TelnyxPublicKey is right is not proven.",
        "Send one text to a phone of yours (POST /sms/send), and run the doctor again when it has arrived.",
    )


def _compare_keys(case: Case) -> str:
    return (
        f"Compare TelnyxPublicKey with {_PORTAL_KEYS}, Public Key, and look for webhooks that were refused: "
        f"{case.log('webhook')}"
    )


def _verified_ms(message: Message) -> list[int]:
    if message.direction == "inbound":
        return [message.accepted_ms]
    return [entry.at_ms for entry in message.history if entry.source == "webhook"]


# --------------------------------------------------------------------------------------------------- clocks


def _clocks(case: Case) -> Outcome:
    answer = case.at.sqs.get_queue_attributes(QueueUrl=case.at.queue_url, AttributeNames=["QueueArn"])
    case.heard("AWS", answer["ResponseMetadata"]["HTTPHeaders"])
    clocks = {"this machine": 0.0, **case.ahead_ms}
    others = [name for name in clocks if name != "this machine"]
    apart = max(clocks.values()) - min(clocks.values())
    if not others:
        raise Skipped("Nobody told the time.")
    if apart <= _SKEW_WARN_MS:
        return _ok(f"this machine, {', '.join(others)} agree within {max(1, round(apart / 1000))} s")
    middle = median(clocks.values())
    odd = max(clocks, key=lambda name: abs(clocks[name] - middle))
    told = ", ".join(f"{name} {clocks[name] / 1000:+.0f} s" for name in others)
    todo = (
        "Set this machine's clock: sudo timedatectl set-ntp true."
        if odd == "this machine"
        else f"The odd one is {odd}, whose clock is not ours to set: tell its support. "
        f"Webhooks are refused when signed {signature.TOLERANCE_S} s off."
    )
    judged = _fail if apart > _SKEW_FAIL_MS else _warn
    return judged(f"Clocks are {show.span(int(apart))} apart: against this machine {told}.", todo)


# ------------------------------------------------------------------------------------------------ the queue


def _queue(case: Case) -> Outcome:
    found, now = case.overview, case.now_ms()
    waits = ""
    if found.oldest_ms is not None:
        waits = f", the oldest text waits since {show.span(now - found.oldest_ms)}"
    told = f"{found.queue.visible:,} ready, {found.queue.hidden:,} in flight{waits}"
    if found.oldest_ms is not None and now - found.oldest_ms > _WAIT_WARN_MS:
        if not found.queue.total and not found.dead_letters:
            return _warn(
                told, f"The queue has none of them: was it purged? {case.longcode('requeue')} puts them back."
            )
        return _warn(told, f"{case.longcode('queue')} says who waits, and for what.")
    return _ok(told)


def _consumer(case: Case) -> Outcome:
    return _mapping(case, "ConsumerFunction", "no text leaves the queue")


def _publisher(case: Case) -> Outcome:
    return _mapping(case, "PublisherFunction", "no event is published, and the counters stand still")


def _mapping(case: Case, function: str, meaning: str) -> Outcome:
    name = case.resources[function]
    pages = case.at.client("lambda").get_paginator("list_event_source_mappings")
    mappings = [row for page in pages.paginate(FunctionName=alias_of(name)) for row in page["EventSourceMappings"]]
    if not mappings:
        return _fail(
            f"Nothing starts it: {meaning}.",
            "Its event source mapping was deleted, and no deployment brings that back by itself: make it by hand "
            f"(aws lambda create-event-source-mapping) with the settings that template.yaml has for {function}.",
        )
    off = [row for row in mappings if row["State"] in ("Disabled", "Disabling")]
    if off:
        enable = [
            case.at.place.aws(f"lambda update-event-source-mapping --uuid {row['UUID']} --enabled") for row in off
        ]
        if len(off) == len(mappings):
            return _fail(f"Its event source mapping is disabled: {meaning}.", " && ".join(enable))
        return _fail(
            f"{len(off)} of its {len(mappings)} mappings are disabled: fewer are worked on at a time.",
            " && ".join(enable),
        )
    said = sorted({str(row.get("LastProcessingResult", "")) for row in mappings})
    if any(words.startswith(_FAILING) for words in said):
        return _warn(
            f"It failed on what it got last ({show.plain('; '.join(filter(None, said)))}). If it still does, "
            f"{meaning}.",
            f"See why: {case.log(function.removesuffix('Function').lower())}",
        )
    unsettled = sorted({row["State"] for row in mappings} - {"Enabled"})
    if unsettled:
        return _warn(
            f"Its event source mapping is {', '.join(unsettled).lower()}.", "Run the doctor again in a minute."
        )
    return _ok("is started by its source")


def _dead_letters(case: Case) -> Outcome:
    letters = case.overview.dead_letters
    if not letters:
        return _ok("none")
    return _fail(
        f"{show.count(letters, 'text')} died in the queue: the consumer failed on them time and again.",
        f"See why ({case.log('consumer')}), mend it, then {case.longcode('redrive')} puts them back; "
        "none is sent twice.",
    )


def _unpublished(case: Case) -> Outcome:
    given_up = redrive.depth(case.at.sqs, case.at.formation.outputs["UnpublishedQueueUrl"]).total
    if not given_up:
        return _ok("none")
    return _warn(
        f"{given_up:,} batches of changes were given up: their events are missing."
        if given_up > 1
        else "1 batch of changes was given up: its events are missing.",
        f"See why ({case.log('publisher')}), mend it, then {case.longcode('republish')} publishes them; "
        "the stream keeps each for a day after the change, so for 12 hours after this.",
    )


# ----------------------------------------------------------------------------------------------- the brakes


def _breaker(case: Case) -> Outcome:
    control, now = case.overview.gate.control, case.now_ms()
    if control.breaker_until_ms is None:
        return _ok("closed")
    row = error_codes.explain(control.breaker_fault)
    advice = row.next_step
    if row.stopped_by == "outage":
        # The rest of `explain` is for who sent that one text.
        advice = "See the provider's status page: texts leave by themselves when it is back."
    return _fail(
        show.without_numbers(show.breaker(control, now), full=False),
        f"{advice} When it is mended, {case.longcode('resume --breaker')} lets sending go on.",
    )


def _pause(case: Case) -> Outcome:
    control = case.overview.gate.control
    if control.paused_since_ms is None:
        return _ok("not paused")
    told = show.without_numbers(show.paused(control, case.now_ms()), full=False)
    return _warn(told, f"{case.longcode('resume')} lets texts go, when its reason is gone.")


# ---------------------------------------------------------------------------------------------- the opt-outs


def _optouts(case: Case) -> Outcome:
    count = len(case.at.optouts.page(None, _OPTOUTS_MOST))
    told = "nobody" if not count else f"{count} or more" if count == _OPTOUTS_MOST else f"{count}"
    ours = case.at.optouts.get(case.at.sender)
    if ours and ours.opted_out:
        return _warn(
            f"{told} opted out, our own number {phone.mask(case.at.sender)} among them.",
            "Nobody meant that: DELETE /sms/optouts/{number} takes it off.",
        )
    return _ok(f"{told} opted out, our own number is not among them")


def _recipient(case: Case) -> Outcome:
    assert case.to is not None
    number = phone.mask(case.to)
    if case.to == case.at.sender:
        return _warn(f"{number} is our own number.", "Name somebody else's.")
    allowed = case.at.formation.parameters.get("AllowedDestinations", "")
    where = destinations.parse(allowed) if allowed.strip() else destinations.own_country(case.at.sender)
    if destinations.find(case.to, where) is None:
        return _warn(
            f"{number} is not among the destinations that may be texted: send and queue refuse it.",
            f"AllowedDestinations says where texts may go: {case.set_to('AllowedDestinations')}.",
        )
    entry = case.at.optouts.get(case.to)
    if entry is None or not entry.opted_out:
        return _ok(f"{number} may be texted")
    last = entry.changes[-1]
    since = datetime.fromtimestamp(last.at_ms / 1000, UTC)
    return _warn(
        f"{number} wants no texts since {since:%Y-%m-%d} (source: {show.plain(last.source)}); none is sent.",
        "That is theirs to change: they text START to our number.",
    )


# ------------------------------------------------------------------------------------------------- all of it

CHECKS: dict[str, Callable[[Case], Outcome]] = {
    "stack": _stack,
    "settings": _settings,
    "concurrency": _concurrency,
    "secret": _secret,
    "provider key": _key,
    "number": _number,
    "profile": _profile,
    "health": _health,
    "api key": _api_key,
    "webhook": _webhook,
    "receipts": _receipts,
    "clocks": _clocks,
    "queue": _queue,
    "consumer": _consumer,
    "publisher": _publisher,
    "dead letters": _dead_letters,
    "unpublished": _unpublished,
    "breaker": _breaker,
    "pause": _pause,
    "opt-outs": _optouts,
    "recipient": _recipient,
}


def checks(to: str | None) -> list[str]:
    """The names of those that are made, in their order; `to` is a number that is asked after."""
    return [name for name in CHECKS if to is not None or name != "recipient"]


def client(target: Target) -> httpx.Client:
    """An HTTP client for an examination. Loopback must not go through somebody's proxy."""
    return httpx.Client(timeout=TIMEOUT, trust_env=target.place.endpoint_url is None)


def look(check: str, case: Case) -> Finding:
    """Make one check. Whatever happens in it is its finding."""
    try:
        state, found, todo = CHECKS[check](case)
    except Skipped as exc:
        return Finding(check, State.SKIPPED, str(exc))
    except Exception as exc:
        problem = problems.of(exc)
        if problem is None:
            # Not its own words, which might hold a number or a key.
            problem = Problem(
                f"The check itself failed ({type(exc).__name__}).", "Report it as a fault of longcode."
            )
        state, found, todo = _fail(show.without_numbers(show.plain(str(problem)), full=False), problem.hint)
    return Finding(check, state, found, todo)
