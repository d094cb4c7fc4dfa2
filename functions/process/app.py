"""POST /sms/queue/process: drains the queue now, for as long as the gateway waits for an answer."""

from longcode import backlog, batch, deliver, http, wiring

# API Gateway gives up after 29 s.
WORK_MS = 26_000


def handler(service: wiring.Service) -> wiring.Handler:
    """The route over `service`."""
    messages, outbox, send_batch = service.messages, service.outbox, service.send_batch

    def process(_request: http.Request) -> http.Response:
        deadline = service.clock.now_ms() + WORK_MS
        backlog.restock(messages, outbox, service.clock, service.meter)
        send = send_batch(deadline)
        results, remaining = batch.drain(outbox, send, service.clock, deadline - deliver.SEND_BUDGET_MS)
        return http.processed(results, remaining)

    return service.api(process)


lambda_handler = wiring.start(handler)
