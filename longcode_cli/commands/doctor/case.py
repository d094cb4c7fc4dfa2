"""A stack under examination, and what one check finds."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import httpx

from longcode.domain import destinations
from longcode.domain.campaign import CampaignFacts
from longcode.entrypoints.config import Settings
from longcode_cli import overview
from longcode_cli.commands.doctor.account import Account, Campaign, Listed
from longcode_cli.overview import Overview
from longcode_cli.problems import Problem
from longcode_cli.stack import Stack
from longcode_cli.terminal import plain

# The gateway gives up after 29 s; a first call starts a function.
TIMEOUT = httpx.Timeout(30.0, connect=5.0)


class State(StrEnum):
    """How it stands: well; worth a look; broken; or not looked at, because something before it is broken."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """One row: which check, how it stands, what was found, and what to do if that is not well."""

    check: str
    state: State
    found: str
    todo: str = ""


class Skipped(Exception):
    """This can't be looked at; the words say why."""


class NotApplicable(Exception):
    """There is no such thing here to look at, and nothing to say of it."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What one carrier takes, in segments a `per` (minute or day): by the provider, by the parameters, in the end.

    None is no limit, or one that is not named. The words say what a number comes from.
    """

    carrier: str
    per: str
    provider: int | None
    provider_words: str
    parameters: int | None
    parameter_words: str
    holds: int | None


# What a check comes to: how it stands, what was found, what to do.
Outcome = tuple[State, str, str]


def ok(found: str) -> Outcome:
    """It is well."""
    return State.OK, found, ""


def warn(found: str, todo: str) -> Outcome:
    """It is worth a look."""
    return State.WARN, found, todo


def fail(found: str, todo: str) -> Outcome:
    """It is broken."""
    return State.FAIL, found, todo


@dataclass
class Case:
    """A stack under examination, and what earlier checks found that later ones build on."""

    stack: Stack
    client: httpx.Client
    now_ms: Callable[[], int]
    to: str | None = None
    # Those of the consumer, if they are valid.
    settings: Settings | None = None
    account: Account | None = None
    listed: Listed | None = None
    # The number's; whether it and the number's place on it are well; and what the carriers let through of it.
    campaign: Campaign | None = None
    campaign_is_well: bool = False
    facts: CampaignFacts | None = None
    limits: list["Limit"] = field(default_factory=list)
    webhook_refuses: bool = False
    # Whose clock: how far it is ahead of this machine's, in ms.
    ahead_ms: dict[str, float] = field(default_factory=dict)

    @property
    def us_long_code(self) -> bool:
        """Whether the number is one that 10DLC is about."""
        return destinations.in_us(self.stack.sender) and (self.listed is None or self.listed.is_long_code)

    @property
    def webhook_url(self) -> str:
        """Where the provider is to call."""
        domain = self.stack.parameters.get("DomainName")
        api_url = f"https://{domain}" if domain else self.stack.api_url
        return self.stack.parameters.get("WebhookUrl") or f"{api_url}/webhooks/message"

    @property
    def redeploy(self) -> str:
        """The command that sets everything to what the template and the parameters say."""
        if not self.stack.local:
            return "make deploy"
        home = self.stack.local.asked_for
        return "make up" + (f" DIR={home}" if home else "")

    def set_to(self, parameter: str) -> str:
        """How to deploy with another value of `parameter`."""
        if self.stack.local:
            return f'{self.redeploy} SET="{parameter}=…"'
        return f"make deploy GUIDED=1 asks for {parameter}"

    def longcode(self, command: str) -> str:
        """A command of ours for the same stack."""
        if not self.stack.local:
            return f"longcode {command} --stack {self.stack.stack_name}"
        home = self.stack.local.asked_for
        return f"longcode {command}" + (f" --dir {home}" if home else "")

    def log(self, function: str) -> str:
        """The command that shows a function's log."""
        return self.stack.aws(f"logs tail /aws/lambda/{self.stack.stack_name}-{function} --since 15m")

    @cached_property
    def resources(self) -> dict[str, str]:
        """The stack's resources: logical id → physical id."""
        pages = self.stack.client("cloudformation").get_paginator("list_stack_resources")
        return {
            row["LogicalResourceId"]: row["PhysicalResourceId"]
            for page in pages.paginate(StackName=self.stack.stack_name)
            for row in page["StackResourceSummaries"]
            if "PhysicalResourceId" in row
        }

    @cached_property
    def secret(self) -> str:
        """What the secret holds."""
        found = self.stack.client("secretsmanager").get_secret_value(SecretId=self.resources["TelnyxSecret"])
        return str(found.get("SecretString", ""))

    @cached_property
    def overview(self) -> Overview:
        """The queue and the brakes."""
        return overview.look(self.stack, self.now_ms(), at_most_texts=1000, at_most_recipients=0)

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
        url = self.stack.api_url
        return self._called(lambda: self.client.get(url + path, headers=headers), url)

    def post(self, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        """POST to the webhook URL. Raises Problem if nothing answers."""
        url = self.webhook_url
        sent = {"content-type": "application/json", **headers}
        return self._called(lambda: self.client.post(url, content=body, headers=sent), url)

    def _called(self, call: Callable[[], httpx.Response], url: str) -> httpx.Response:
        where, ours = urlsplit(url), url.startswith(self.stack.api_url)
        try:
            answer = call()
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            todo = "Check this machine's network, the name in DNS and its certificate."
            if not ours:
                todo = f"{todo} Is the parameter WebhookUrl right?"
            raise Problem(
                f"Nothing answers at {where.scheme}://{where.netloc} ({type(exc).__name__}).",
                "make up starts it." if self.stack.local else todo,
            ) from None
        if ours:
            self.heard("the API", answer.headers)
        return answer


def client(stack: Stack) -> httpx.Client:
    """An HTTP client for an examination. Loopback must not go through a proxy."""
    return httpx.Client(timeout=TIMEOUT, trust_env=stack.local is None)


# Any: JSON.
def json_of(answer: httpx.Response) -> dict[str, Any]:
    """The fields of an answer; none if it is no JSON object."""
    try:
        fields = json.loads(answer.content)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def code_of(answer: httpx.Response) -> str:
    """An answer's HTTP status and its code, if it has one."""
    code = json_of(answer).get("code")
    return f"{answer.status_code}{f' {plain(str(code))}' if code else ''}"


def address(url: str) -> str:
    """A URL without what may be secret in it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
