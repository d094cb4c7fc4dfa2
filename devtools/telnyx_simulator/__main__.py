"""The command line: python -m devtools.telnyx_simulator."""

import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

import httpx
import typer
from nacl.signing import SigningKey

from . import networks, outages, outcomes, server
from .app import Options
from .carriers import check
from .faults import BadFault
from .keys import KeyFileInvalid, load_or_make, public_key
from .settings import PROFILE_ID, Settings
from .validate import E164

HELP = f"""A simulated Telnyx: it signs, delays, doubles, reorders, loses and refuses.

Examples:

\b
  python -m devtools.telnyx_simulator serve --api-key KEY_local --number +12025550100 \\
      --ready-file .local/provider.json --key-file .local/provider.key
  python -m devtools.telnyx_simulator text --control-url http://127.0.0.1:8091/ --from +12025550123 STOP
  python -m devtools.telnyx_simulator keys --key-file .local/provider.key
  python -m devtools.telnyx_simulator outcomes --json

  python -m devtools.telnyx_simulator outage 502 --seconds 60 --control-url http://127.0.0.1:8091/
  python -m devtools.telnyx_simulator outage rate --rate 5 --control-url http://127.0.0.1:8091/
  python -m devtools.telnyx_simulator outage none --control-url http://127.0.0.1:8091/

  python -m devtools.telnyx_simulator set limits '{{"enforce": true}}' --control-url http://127.0.0.1:8091/
  python -m devtools.telnyx_simulator set clock '{{"advance_s": 86400}}' --control-url http://127.0.0.1:8091/
  python -m devtools.telnyx_simulator show limits --control-url http://127.0.0.1:8091/

The whole API in an outage, where KIND is one of:

\b
{outages.table()}

What becomes of a text depends on the number it goes to (any area code will do for NXX):

\b
{outcomes.table()}

Which network a number is on, and what the provider calls it; set carriers moves a number:

\b
{networks.table()}
"""

app = typer.Typer(
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


def _numbers(numbers: list[str]) -> list[str]:
    for one in numbers:
        if not E164.fullmatch(one):
            raise typer.BadParameter(f"{one} is not an E.164 number")
    return numbers


What = Literal["limits", "registration", "carriers", "clock"]
ApiKey = Annotated[str, typer.Option(help="The key that requests must carry.")]
Numbers = Annotated[
    list[str], typer.Option(help="A number of ours, E.164; may be given again.", callback=_numbers)
]
KeyFile = Annotated[Path, typer.Option(help="The signing key; made if missing, then kept.")]
ReadyFile = Annotated[
    Path | None,
    typer.Option(help="Written when listening: base_url, public_key, control_url, pid."),
]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]
StateDir = Annotated[Path | None, typer.Option(help="Keep messages, keys and the log here over a restart.")]
WebhookUrl = Annotated[str | None, typer.Option(help="The profile's webhook URL.")]
FailoverUrl = Annotated[str | None, typer.Option(help="The profile's failover URL.")]
DelayMs = Annotated[int, typer.Option(help="From accepted to sent, and from sent to finalized.")]
TimeoutMs = Annotated[int, typer.Option(help="For an answer to a webhook.")]
RetryMs = Annotated[int, typer.Option(help="Between two attempts.")]
Concurrency = Annotated[int, typer.Option(help="Webhooks under way at a time.")]
LatencyMs = Annotated[int, typer.Option(help="Before each answer to a send.")]
Idempotency = Annotated[Literal["honour", "ignore"], typer.Option(help="What Idempotency-Key is worth.")]
RateLimit = Annotated[int, typer.Option(help="Requests a second before 429/10011; 0 for no limit.")]
Network = Annotated[
    str,
    typer.Option(
        help="JSON with any of limits, registration, carriers (an array), each as `set` takes it: "
        "where a reset comes back to."
    ),
]
ProfileId = Annotated[str, typer.Option(help="The messaging profile's id.")]


@app.command()
def serve(  # noqa: PLR0913 -- one parameter for each option of the command
    api_key: ApiKey,
    number: Numbers,
    key_file: KeyFile,
    ready_file: ReadyFile = None,
    port: Port = 0,
    state_dir: StateDir = None,
    webhook_url: WebhookUrl = None,
    failover_url: FailoverUrl = None,
    webhook_delay_ms: DelayMs = 100,
    webhook_timeout_ms: TimeoutMs = 2000,
    webhook_retry_ms: RetryMs = 1000,
    webhook_concurrency: Concurrency = 8,
    latency_ms: LatencyMs = 20,
    idempotency: Idempotency = "honour",
    rate_limit: RateLimit = 0,
    profile_id: ProfileId = PROFILE_ID,
    network: Network = "{}",
) -> None:
    """Serve the provider's API and the control API on a loopback port."""
    settings = Settings(
        api_key=api_key,
        numbers=tuple(number),
        webhook_url=webhook_url,
        failover_url=failover_url,
        webhook_delay_s=webhook_delay_ms / 1000,
        latency_s=latency_ms / 1000,
        honour_idempotency=idempotency == "honour",
        rate_limit=rate_limit,
        profile_id=profile_id,
    )
    options = Options(settings, _key(key_file), state_dir, network=_network(network, settings.numbers))
    options.webhook_timeout_s = webhook_timeout_ms / 1000
    options.retry_s = webhook_retry_ms / 1000
    options.concurrency = webhook_concurrency
    _serve(options, port, ready_file)


def _network(text: str, numbers: tuple[str, ...]) -> dict[str, Any]:
    try:
        asked: dict[str, Any] = json.loads(text)
        check(asked, numbers)
    except ValueError as exc:
        raise typer.BadParameter("not JSON", param_hint="--network") from exc
    except BadFault as exc:
        raise typer.BadParameter(str(exc), param_hint="--network") from exc
    return asked


def _key(file: Path) -> SigningKey:
    try:
        return load_or_make(file)
    except KeyFileInvalid as exc:
        raise typer.BadParameter(f"{file} holds no key", param_hint="--key-file") from exc


def _serve(options: Options, port: int, ready_file: Path | None) -> None:
    try:
        sock, control = server.bind(port), server.bind(0)
    except OSError as exc:
        raise typer.BadParameter(f"port {port}: {exc.strerror}", param_hint="--port") from exc
    root = f"http://{server.HOST}:{sock.getsockname()[1]}/"
    ready: dict[str, object] = {
        "base_url": f"{root}v2",
        "public_key": public_key(options.key),
        # On another port, which an outage leaves open.
        "control_url": f"http://{server.HOST}:{control.getsockname()[1]}/",
        "pid": os.getpid(),
    }

    def on_ready() -> None:
        if ready_file is not None:
            server.write_atomically(ready_file, ready)
        typer.echo(f"Simulated Telnyx: {root}v2 (API), {ready['control_url']} (control)")

    server.serve(options, [sock, control], on_ready)


@app.command()
def keys(key_file: Annotated[Path, typer.Option(help="Made if missing, then kept.")]) -> None:
    """Print the public key that a receiver of webhooks is configured with."""
    typer.echo(public_key(_key(key_file)))


@app.command("outcomes")
def show_outcomes(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Print the table of magic numbers."""
    if as_json:
        typer.echo(json.dumps([one.public() for one in outcomes.OUTCOMES], indent=2))
    else:
        typer.echo(outcomes.table())


@app.command()
def text(
    message: Annotated[str, typer.Argument(help="What they write.")],
    control_url: Annotated[str, typer.Option(help="From the ready file.")],
    sender: Annotated[str, typer.Option("--from", help="Who writes, E.164.")],
) -> None:
    """Text our number from a simulated handset."""
    _control(control_url, "--control-url", "inbound", {"from": sender, "text": message})


@app.command()
def outage(
    kind: Annotated[str, typer.Argument(help=f"{', '.join(outages.Kind)}, or none to end it.")],
    control_url: Annotated[str, typer.Option(help="From the ready file.")],
    seconds: Annotated[float | None, typer.Option(help="How long; without it until it is ended.")] = None,
    rate: Annotated[int, typer.Option(help="Requests a second that are looked at, for rate.")] = 0,
) -> None:
    """Put the whole API into an outage, or end it."""
    asked: dict[str, object] = {"outage": None if kind == "none" else kind}
    if kind != "none":
        asked |= {"seconds": seconds, "rate": rate}
    _control(control_url, "--control-url", "faults", asked)


@app.command("set")
def set_network(
    what: Annotated[What, typer.Argument(help="What to change.")],
    value: Annotated[str, typer.Argument(help="The fields to change, as JSON.")],
    control_url: Annotated[str, typer.Option(help="From the ready file.")],
) -> None:
    """Change the networks' limits, what is registered, a number's network, or the clock."""
    try:
        asked = json.loads(value)
    except ValueError as exc:
        raise typer.BadParameter("not JSON", param_hint="VALUE") from exc
    _control(control_url, "--control-url", what, asked)


@app.command("show")
def show_network(
    what: Annotated[What, typer.Argument(help="What to show.")],
    control_url: Annotated[str, typer.Option(help="From the ready file.")],
) -> None:
    """Print the limits with their counts, what is registered, the networks' numbers, or the clock."""
    _control(control_url, "--control-url", what, None)


def _control(url: str, option: str, path: str, asked: object) -> NoReturn:
    method = "GET" if asked is None else "POST"
    try:
        answer = httpx.request(method, f"{url.rstrip('/')}/_provider/{path}", json=asked, trust_env=False)
    except httpx.HTTPError as exc:
        raise typer.BadParameter(f"nothing answers: {exc}", param_hint=option) from exc
    typer.echo(answer.text)
    raise typer.Exit(0 if answer.is_success else 1)


if __name__ == "__main__":
    app(prog_name="python -m devtools.telnyx_simulator")
