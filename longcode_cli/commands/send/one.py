"""Sends one text: `longcode send --to NUMBER --text TEXT`."""

from typing import Any

from longcode_cli.api import Api
from longcode_cli.terminal import count, plain, say, say_json


# Any: JSON of the API.
def send(api: Api, fields: dict[str, Any], *, dry_run: bool, as_json: bool) -> None:
    """Put one text into the queue, or say what it would take. Raises Problem where the API refuses it."""
    if dry_run:
        # What is looked at does not wait.
        known = ("to", "message", "metadata", "category", "priority")
        looked = api.ask(api.client.preview, **{name: fields[name] for name in known if name in fields})
        found, words = looked.fields, f"{fields['to']}: {count(looked.segments, 'segment')}. Nothing was sent."
    else:
        queued = api.ask(api.client.queue, **fields)
        held_by = str(queued.held_by or "a pause").replace("_", " ")
        when = f"leaves about {queued.fields['eta']}" if queued.eta else f"waits for {held_by}"
        found, words = queued.fields, f"{queued.message_id} to {fields['to']}: {plain(queued.status)}, {when}."
    if as_json:
        say_json(found)
    else:
        say(words)
