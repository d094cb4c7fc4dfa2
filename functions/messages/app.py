"""GET /sms/messages and /sms/threads/{number}: finds messages by person, tag, status and time."""

from longcode.domain import phone
from longcode.entrypoints import container, requests, responses
from longcode.entrypoints.requests import Request
from longcode.entrypoints.responses import Response
from longcode.use_cases import search


def handler(service: container.Service) -> container.Handler:
    """The routes over `service`."""
    finder, stored, link = service.finder, service.messages, service.media_link

    def messages(request: Request) -> Response:
        number, test = request.path_number, service.is_test(request)
        if number is None:
            query = search.query(request.query, test=test)
        else:
            query = search.thread(number, request.query, test=test)
        page = search.page(query, finder, stored, service.clock.now_ms())
        if number and not (phone.is_e164(number) or page.messages or page.cursor or query.after):
            # More likely a slip than a sender.
            raise requests.no_number()
        return responses.message_page(page.messages, page.cursor, link if number else None)

    return service.api(messages)


lambda_handler = container.start(handler)
