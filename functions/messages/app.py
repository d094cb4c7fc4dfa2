"""GET /sms/messages: finds messages by person, tag, status and time."""

from longcode.entrypoints import container, responses
from longcode.entrypoints.requests import Request
from longcode.entrypoints.responses import Response
from longcode.use_cases import search


def handler(service: container.Service) -> container.Handler:
    """The route over `service`."""
    finder, stored = service.finder, service.messages

    def messages(request: Request) -> Response:
        query = search.query(request.query, test=service.is_test(request))
        page = search.page(query, finder, stored, service.clock.now_ms())
        return responses.message_page(page.messages, page.cursor)

    return service.api(messages)


lambda_handler = container.start(handler)
