"""The command line: python -m devtools.telnyx_simulator."""

import json
import os
from pathlib import Path
from typing import Annotated, Literal, NoReturn

import httpx
import typer

from . import outages, outcomes, server
from .app import Options
from .keys import KeyFileInvalid, load_or_make, public_key
from .provider import PROFILE_ID, Settings
from .validate import E164

HELP = f"""A simulated Telnyx: it signs, delays, doubles, reorders, loses and refuses.

Examples:

\b
  python -m devtools.telnyx_simulator serve --api-key KEY_local --number +12025550100 \\
      --ready-file .local/provider.json --key-file .local/provider.key
  python -m devtools.telnyx_simulator text --console-url http://127.0.0.1:8090/ --from +12025550123 STOP
  python -m devtools.telnyx_simulator keys --key-file .local/provider.key
  python -m devtools.telnyx_simulator outcomes --json

  python -m devtools.telnyx_simulator outage 502 --seconds 60 --control-url http://127.0.0.1:8091/
  python -m devtools.telnyx_simulator outage rate --rate 5 --control-url http://127.0.0.1:8091/
  python -m devtools.telnyx_simulator outage none --control-url http://127.0.0.1:8091/

The whole API in an outage, where KIND is one of:

\b
{outages.table()}

What becomes of a text depends on the number it goes to (any area code will do for NXX):

\b
{outcomes.table()}
"""

app = typer.Typer(
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.command()
def serve(
    api_key: Annotated[str, typer.Option(help="The key that requests must carry.")],
    number: Annotated[list[str], typer.Option(help="A number of ours, E.164; may be given again.")],
    key_file: Annotated[Path, typer.Option(help="The signing key; made if missing, then kept.")],
    ready_file: Annotated[
        Path | None,
        typer.Option(help="Written when listening: base_url, public_key, console_url, control_url, pid."),
    ] = None,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    state_dir: Annotated[
        Path | None, typer.Option(help="Keep messages, keys and the log here over a restart.")
    ] = None,
    webhook_url: Annotated[str | None, typer.Option(help="The profile's webhook URL.")] = None,
    failover_url: Annotated[str | None, typer.Option(help="The profile's failover URL.")] = None,
    webhook_delay_ms: Annotated[
        int, typer.Option(help="From accepted to sent, and from sent to finalized.")
    ] = 100,
    webhook_timeout_ms: Annotated[int, typer.Option(help="For an answer to a webhook.")] = 2000,
    webhook_retry_ms: Annotated[int, typer.Option(help="Between two attempts.")] = 1000,
    webhook_concurrency: Annotated[int, typer.Option(help="Webhooks under way at a time.")] = 8,
    latency_ms: Annotated[int, typer.Option(help="Before each answer to a send.")] = 20,
    idempotency: Annotated[
        Literal["honour", "ignore"], typer.Option(help="What Idempotency-Key is worth.")
    ] = "honour",
    rate_limit: Annotated[int, typer.Option(help="Requests a second before 429/10011; 0 for no limit.")] = 0,
    profile_id: Annotated[str, typer.Option(help="The messaging profile's id.")] = PROFILE_ID,
) -> None:
    """Serve the provider's API, the control API and the handset on a loopback port."""
    for one in number:
        if not E164.fullmatch(one):
            raise typer.BadParameter(f"{one} is not an E.164 number", param_hint="--number")
    try:
        key = load_or_make(key_file)
    except KeyFileInvalid as exc:
        raise typer.BadParameter(f"{key_file} holds no key", param_hint="--key-file") from exc
    try:
        sock, control = server.bind(port), server.bind(0)
    except OSError as exc:
        raise typer.BadParameter(f"port {port}: {exc.strerror}", param_hint="--port") from exc
    options = Options(
        settings=Settings(
            api_key=api_key,
            numbers=tuple(number),
            webhook_url=webhook_url,
            failover_url=failover_url,
            webhook_delay_s=webhook_delay_ms / 1000,
            latency_s=latency_ms / 1000,
            honour_idempotency=idempotency == "honour",
            rate_limit=rate_limit,
            profile_id=profile_id,
        ),
        key=key,
        state_dir=state_dir,
        webhook_timeout_s=webhook_timeout_ms / 1000,
        retry_s=webhook_retry_ms / 1000,
        concurrency=webhook_concurrency,
    )
    root = f"http://{server.HOST}:{sock.getsockname()[1]}/"
    ready: dict[str, object] = {
        "base_url": f"{root}v2",
        "public_key": public_key(key),
        "console_url": root,
        # The same on another port, which an outage leaves open.
        "control_url": f"http://{server.HOST}:{control.getsockname()[1]}/",
        "pid": os.getpid(),
    }

    def on_ready() -> None:
        if ready_file is not None:
            server.write_atomically(ready_file, ready)
        typer.echo(f"Simulated Telnyx: {root} (handset), {root}v2 (API)")

    server.serve(options, [sock, control], on_ready)


@app.command()
def keys(key_file: Annotated[Path, typer.Option(help="Made if missing, then kept.")]) -> None:
    """Print the public key that a receiver of webhooks is configured with."""
    try:
        typer.echo(public_key(load_or_make(key_file)))
    except KeyFileInvalid as exc:
        raise typer.BadParameter(f"{key_file} holds no key", param_hint="--key-file") from exc


@app.command("outcomes")
def show_outcomes(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Print the table of magic numbers."""
    if as_json:
        rows = [{"name": o.name, "suffix": o.suffix, "summary": o.summary} for o in outcomes.OUTCOMES]
        typer.echo(json.dumps(rows, indent=2))
    else:
        typer.echo(outcomes.table())


@app.command()
def text(
    message: Annotated[str, typer.Argument(help="What they write.")],
    console_url: Annotated[str, typer.Option(help="From the ready file.")],
    sender: Annotated[str, typer.Option("--from", help="Who writes, E.164.")],
) -> None:
    """Text our number from a simulated handset."""
    _control(console_url, "--console-url", "inbound", {"from": sender, "text": message})


@app.command()
def outage(
    kind: Annotated[str, typer.Argument(help=f"{', '.join(outages.Kind)}, or none to end it.")],
    control_url: Annotated[str, typer.Option(help="From the ready file.")],
    seconds: Annotated[float | None, typer.Option(help="How long; without it until told.")] = None,
    rate: Annotated[int, typer.Option(help="Requests a second that are looked at, for rate.")] = 0,
) -> None:
    """Put the whole API into an outage, or end it."""
    asked: dict[str, object] = {"outage": None if kind == "none" else kind}
    if kind != "none":
        asked |= {"seconds": seconds, "rate": rate}
    _control(control_url, "--control-url", "faults", asked)


def _control(url: str, option: str, path: str, asked: dict[str, object]) -> NoReturn:
    try:
        answer = httpx.post(f"{url.rstrip('/')}/_provider/{path}", json=asked, trust_env=False)
    except httpx.HTTPError as exc:
        raise typer.BadParameter(f"nothing answers: {exc}", param_hint=option) from exc
    typer.echo(answer.text)
    raise typer.Exit(0 if answer.is_success else 1)


if __name__ == "__main__":
    app(prog_name="python -m devtools.telnyx_simulator")
