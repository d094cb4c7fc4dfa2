"""GET /sms/tags/{tag}: how the texts of one tag stand."""

from longcode.domain.test_mode import marked_tag
from longcode.entrypoints import container, responses
from longcode.entrypoints.requests import Request
from longcode.entrypoints.responses import Response
from longcode.use_cases.tag_view import TagReader


def handler(service: container.Service) -> container.Handler:
    """The route over `service`."""
    settings = service.settings
    reader = TagReader(
        service.counters,
        service.finder,
        service.messages,
        service.limits,
        service.carriers,
        service.brakes.store,
        service.pace,
        settings.campaign,
        settings.long_code,
    )

    def tags(request: Request) -> Response:
        tag = request.path_tag
        wanted = marked_tag(tag) if service.is_test(request) else tag
        return responses.tag(reader.view(wanted, service.clock.now_ms()))

    return service.api(tags)


lambda_handler = container.start(handler)
