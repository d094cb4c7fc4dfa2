"""Sends a text through the generated Python client, and asks what became of it."""

import os

from longcode_generated import AuthenticatedClient  # type: ignore[import-not-found]  # made by devtools.clients
from longcode_generated.api.finding import get_text  # type: ignore[import-not-found]
from longcode_generated.api.sending import queue_text  # type: ignore[import-not-found]
from longcode_generated.models import MessageStatus, Queued, QueueRequest  # type: ignore[import-not-found]

client = AuthenticatedClient(
    base_url=os.environ["API_URL"], token=os.environ["API_KEY"], prefix="", auth_header_name="x-api-key"
)
sent = queue_text.sync(
    client=client, body=QueueRequest(to=os.environ["TO"], message="From Python"), idempotency_key=os.environ["KEY"]
)
assert isinstance(sent, Queued), sent
status = get_text.sync(sent.message_id, client=client)
assert isinstance(status, MessageStatus), status
print(status.message_id)
