"""GET /sms/status/{id}: what became of one message, by our id or the provider's."""

from longcode.domain.errors import NotFound
from longcode.domain.tag_brake import tag_of
from longcode.entrypoints import container, responses
from longcode.entrypoints.requests import Request
from longcode.entrypoints.responses import Response
from longcode.use_cases import enqueue
from longcode.use_cases.test_limits import limits_of


def handler(service: container.Service) -> container.Handler:
    """The route over `service`."""
    messages, limits, pace = service.messages, service.limits, service.pace
    quiet_hours, link = service.settings.quiet_hours, service.media_link

    def status(request: Request) -> Response:
        message = messages.find(request.path_id or "")
        if message is None or (service.is_test(request) and not message.test):
            raise NotFound("Message not found.")
        service.logger.bind(message_id=message.id)
        if not message.status.waiting:
            return responses.status(message, None, link=link)
        gate = limits_of(message, limits).read_gate(
            message.recipient, message.sender, message.priority, tag_of(message)
        )
        now = service.clock.now_ms()
        return responses.status(message, enqueue.forecast(message, messages, gate, now, pace, quiet_hours))

    return service.api(status)


lambda_handler = container.start(handler)
