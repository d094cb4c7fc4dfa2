"""GET /sms/tags/{tag}: how many texts of one tag are in each status."""

from longcode.entrypoints import container, http


def handler(service: container.Service) -> container.Handler:
    """The route over `service`."""
    counters = service.counters

    def tags(request: http.Request) -> http.Response:
        tag = request.path_tag
        return http.tag(tag, counters.read(tag))

    return service.api(tags)


lambda_handler = container.start(handler)
