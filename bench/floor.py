"""The least that a function with these libraries can cost: they are made, each is used once, and that is all."""

from devtools.local_stack.problems import LocalError

# How each AWS client is used once; `http` is the client of the provider.
_USES = {
    "dynamodb": "dynamodb.get_item(TableName=os.environ['MESSAGES_TABLE'], Key={'pk': {'S': 'M#none'}})",
    "sqs": "sqs.get_queue_attributes(QueueUrl=os.environ['QUEUE_URL'], AttributeNames=['QueueArn'])",
    "events": "events.put_events(Entries=[{'Source': 'bench', 'DetailType': 'bench', 'Detail': '{}'}])",
    "secretsmanager": "secretsmanager.get_secret_value(SecretId=os.environ['TELNYX_SECRET_ID'])",
    "http": "http.post(os.environ['TELNYX'], json={})",
}

_HEAD = """
import os
from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

logger = Logger(location=None)
meter = AmazonCloudWatchEMFProvider(namespace="Bench", default_dimensions={"environment": "bench"})
"""


def program(clients: tuple[str, ...]) -> str:
    """The source of such a function. Raises LocalError for a client whose use is not known here."""
    if unknown := [name for name in clients if name not in _USES]:
        raise LocalError(f"No floor uses {', '.join(unknown)}.", hint="Add its cheapest call to bench/floor.py.")
    lines = [_HEAD]
    aws = [name for name in clients if name != "http"]
    if aws:
        lines += ["import botocore.session", "session = botocore.session.get_session()"]
        lines += [f"{name} = session.create_client({name!r})" for name in aws]
    if "http" in clients:
        lines += ["import httpx", "http = httpx.Client()"]
    lines += ["def lambda_handler(event, context):", "    logger.info('floor')"]
    lines += [f"    {_USES[name]}" for name in clients]
    lines += ["    meter.add_metric('Floor', MetricUnit.Count, 1)", "    meter.flush_metrics()", "    return {}"]
    return "\n".join(lines) + "\n"
