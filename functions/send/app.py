"""POST /sms/send: sends one text now, and answers with the carrier's first word on it."""

from longcode import deliver, http, wiring


def handler(service: wiring.Service) -> wiring.Handler:
    """The route over `service`."""

    def send(request: http.Request) -> http.Response:
        message = service.asked_for(request, "send")
        return http.sent(*deliver.send_now(message, service.desk, service.guard(request)))

    return service.api(send)


lambda_handler = wiring.start(handler)
