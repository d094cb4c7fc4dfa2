"""GET /sms/messages: finds messages by person, tag, status and time."""

from longcode.entrypoints import container, http
from longcode.use_cases import search


def handler(service: container.Service) -> container.Handler:
    """The route over `service`."""
    finder, stored = service.finder, service.messages

    def messages(request: http.Request) -> http.Response:
        query = search.query(request.query)
        page = search.page(query, finder, stored, service.clock.now_ms())
        return http.message_page(page.messages, page.cursor)

    return service.api(messages)


lambda_handler = container.start(handler)
