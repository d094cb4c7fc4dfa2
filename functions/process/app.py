"""POST /sms/queue/process: drains the queue now, for as long as the gateway waits for an answer."""

from longcode.entrypoints import container, responses, sqs
from longcode.entrypoints.requests import Request
from longcode.entrypoints.responses import Response
from longcode.use_cases import backlog, consume

# API Gateway gives up after 29 s.
WORK_MS = 26_000


def handler(service: container.Service) -> container.Handler:
    """The route over `service`."""
    messages, queue, send_batch = service.messages, service.queue, service.send_batch(answered=False)

    def process(_request: Request) -> Response:
        deadline = service.clock.now_ms() + WORK_MS
        backlog.restock(messages, queue, service.clock, service.metrics)
        send = send_batch(deadline)
        results, remaining = sqs.drain(queue, send, service.clock, deadline - consume.SEND_BUDGET_MS)
        return responses.processed(results, remaining)

    return service.api(process)


lambda_handler = container.start(handler)
