"""POST /sms/queue/process: drains the queues now, for as long as the gateway waits for an answer."""

from longcode.domain.priority import Priority, parse_priority
from longcode.entrypoints import container, responses, sqs
from longcode.entrypoints.requests import Request
from longcode.entrypoints.responses import Response
from longcode.use_cases import backlog, consume
from longcode.use_cases.batch_results import Result

# API Gateway gives up after 29 s.
WORK_MS = 26_000


def handler(service: container.Service) -> container.Handler:
    """The route over `service`."""
    messages, queues = service.messages, service.queues
    send_batch = {priority: service.send_batch(priority, answered=False) for priority in Priority}

    def process(request: Request) -> Response:
        service.expect_live(request)
        asked = parse_priority(request.query)
        deadline = service.clock.now_ms() + WORK_MS
        backlog.restock(messages, queues, service.clock, service.metrics)
        results, remaining = list[Result](), 0
        for priority in [asked] if asked else Priority:
            queue, send = queues.of(priority), send_batch[priority](deadline)
            ended, left = sqs.drain(queue, send, service.clock, deadline - consume.SEND_BUDGET_MS)
            results, remaining = results + ended, remaining + left
        return responses.processed(results, remaining)

    return service.api(process)


lambda_handler = container.start(handler)
