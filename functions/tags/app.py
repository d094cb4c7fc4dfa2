"""GET /sms/tags/{tag}: how many texts of one tag are in each status."""

from longcode import http, wiring


def handler(service: wiring.Service) -> wiring.Handler:
    """The route over `service`."""
    counters = service.counters

    def tags(request: http.Request) -> http.Response:
        tag = request.path_tag
        return http.tag(tag, counters.read(tag))

    return service.api(tags)


lambda_handler = wiring.start(handler)
