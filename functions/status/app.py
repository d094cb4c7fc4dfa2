"""GET /sms/status/{id}: what became of one message, by our id or the carrier's."""

from longcode import accept, http, wiring
from longcode.errors import NotFound


def handler(service: wiring.Service) -> wiring.Handler:
    """The route over `service`."""
    messages, limits, pace = service.messages, service.limits, service.pace

    def status(request: http.Request) -> http.Response:
        message = messages.find(request.path_id or "")
        if message is None:
            raise NotFound("Message not found.")
        service.journal.bind(message_id=message.id)
        if not message.status.waiting:
            return http.status(message, None)
        road = limits.look(message.recipient, message.sender)
        now = service.clock.now_ms()
        return http.status(message, accept.forecast(message, messages, road, now, pace))

    return service.api(status)


lambda_handler = wiring.start(handler)
