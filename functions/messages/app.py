"""GET /sms/messages: finds messages by person, tag, status and time."""

from longcode import find, http, wiring


def handler(service: wiring.Service) -> wiring.Handler:
    """The route over `service`."""
    finder, stored = service.finder, service.messages

    def messages(request: http.Request) -> http.Response:
        query = find.query(request.query)
        page = find.page(query, finder, stored, service.clock.now_ms())
        return http.message_page(page.messages, page.cursor)

    return service.api(messages)


lambda_handler = wiring.start(handler)
