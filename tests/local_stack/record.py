"""The record of a stack that is only named."""

from devtools.local_stack import simulator
from devtools.local_stack.layout import Layout, Stack
from devtools.telnyx_simulator.keys import load_or_make, public_key


def stack_of(layout: Layout) -> Stack:
    """A record in which nothing runs."""
    return Stack(
        api_url="http://127.0.0.1:1/api",
        api_key="k e'y",
        aws_endpoint_url="http://127.0.0.1:1",
        region="us-east-1",
        telnyx_base_url="http://127.0.0.1:2/v2",
        telnyx_public_key=public_key(load_or_make(simulator.key_file(layout))),
        simulator_url="http://127.0.0.1:2",
        console_url="http://127.0.0.1:3",
        pids={},
        started={},
        from_number="+12025550100",
        stack_name="s",
        queue_url="q",
        dead_letter_queue_url="d",
        messages_table="m",
        limits_table="l",
        functions={},
        log_groups={},
        parameters={"WebhookUrl": "http://127.0.0.1:1/api/webhooks/message"},
        enforce_iam=False,
        build="b",
        logs={"emulator": "/x/logs/emulator.log"},
    )
