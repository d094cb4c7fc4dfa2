"""POST /sms/send: sends one text now, and answers with the carrier's first word on it."""

from longcode import http, send, wiring


def handler(service: wiring.Service) -> wiring.Handler:
    """The route over `service`."""
    desk = service.desk

    def serve(request: http.Request) -> http.Response:
        message = service.asked_for(request, "send")
        return http.sent(*send.send_now(message, desk, service.guard(request)))

    return service.api(serve)


lambda_handler = wiring.start(handler)
