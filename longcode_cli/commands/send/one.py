"""Sends one text: `longcode send --to NUMBER --text TEXT`."""

import uuid
from typing import Any

from longcode_cli.api import Api
from longcode_cli.terminal import count, plain, say, say_json


# Any: JSON of the API.
def send(api: Api, fields: dict[str, Any], *, dry_run: bool, as_json: bool) -> None:
    """Put one text into the queue, or say what it would take. Raises Problem where the API refuses it."""
    if dry_run:
        # What is looked at does not wait.
        known = ("to", "message", "metadata", "category", "priority")
        found = api.post("/sms/preview", {name: fields[name] for name in known if name in fields})
        words = f"{fields['to']}: {count(int(found['segments']), 'segment')}. Nothing was sent."
    else:
        # A repetition after a lost answer is no second text.
        found = api.post("/sms/queue", fields, f"send-{uuid.uuid4().hex}")
        eta = found.get("eta")
        held_by = str(found.get("held_by") or "a pause").replace("_", " ")
        when = f"leaves about {eta}" if eta else f"waits for {held_by}"
        words = f"{found['message_id']} to {fields['to']}: {plain(str(found['status']))}, {when}."
    if as_json:
        say_json(found)
    else:
        say(words)
