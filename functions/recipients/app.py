"""DELETE /sms/recipients/{number}: erases the texts of one person; their opt-out stays."""

from longcode import erase, http, wiring
from longcode.errors import NotFound

# API Gateway gives up after 29 s.
WORK_MS = 20_000


def handler(service: wiring.Service) -> wiring.Handler:
    """The route over `service`."""
    finder, messages = service.finder, service.messages

    def recipients(request: http.Request) -> http.Response:
        number = request.path_number
        if number is None:
            raise NotFound("There is no such route.")
        done = erase.erase(
            number,
            finder=finder,
            messages=messages,
            meter=service.meter,
            journal=service.journal,
            clock=service.clock,
            stop_ms=service.clock.now_ms() + WORK_MS,
        )
        return http.erased(done)

    return service.api(recipients)


lambda_handler = wiring.start(handler)
