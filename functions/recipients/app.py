"""DELETE /sms/recipients/{number}: erases the texts of one person; their opt-out stays."""

from longcode.domain import phone
from longcode.domain.errors import NotFound
from longcode.entrypoints import container, requests, responses
from longcode.entrypoints.requests import Request
from longcode.entrypoints.responses import Response
from longcode.use_cases import erase

# API Gateway gives up after 29 s.
WORK_MS = 20_000


def handler(service: container.Service) -> container.Handler:
    """The route over `service`."""
    deps = erase.EraseDependencies(
        finder=service.finder,
        messages=service.messages,
        carriers=service.carriers,
        metrics=service.metrics,
        logger=service.logger,
        clock=service.clock,
        media=service.media_eraser,
    )

    def recipients(request: Request) -> Response:
        number = request.path_number
        if number is None:
            raise NotFound("There is no such route.")
        done = erase.erase(number, deps, service.clock.now_ms() + WORK_MS)
        if not phone.is_e164(number) and done == erase.Erasure(0, 0, remaining=False):
            # More likely a slip than a sender, and not to be taken for done.
            raise requests.no_number()
        return responses.erased(done)

    return service.api(recipients)


lambda_handler = container.start(handler)
