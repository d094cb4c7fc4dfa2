"""/sms/optouts: who wants no texts; to look at, to add to, to take from."""

from longcode.domain import phone
from longcode.domain.errors import NotFound
from longcode.domain.opt_outs import OptOutChange
from longcode.entrypoints import container, requests, responses
from longcode.entrypoints.requests import Request
from longcode.entrypoints.responses import Response
from longcode.use_cases import opt_outs

PAGE = 100
# In the place of a number: /sms/optouts/unclear.
UNCLEAR = "unclear"


def handler(service: container.Service) -> container.Handler:
    """The routes over `service`."""
    ledger = service.optouts

    def optouts(request: Request) -> Response:
        number = request.path_number
        if number is None:
            return responses.opt_out_page(ledger.page(request.opt_out_cursor, PAGE), PAGE)
        if number == UNCLEAR and request.method == "GET":
            return responses.unclear_page(ledger.unclear_page(request.opt_out_cursor, PAGE), PAGE)
        if not phone.is_e164(number) and ledger.get(number) is None:
            # More likely a slip than a sender, and a slip opts no one out.
            raise requests.no_number()
        if request.method in ("PUT", "DELETE"):
            now = service.clock.now_ms()
            change = OptOutChange(now, request.method == "PUT", "api", request.caller_name)
            opt_outs.apply(ledger, number, change, now)
        found = ledger.get(number)
        if found is None:
            raise NotFound("This number has never opted out.")
        return responses.opt_out(found)

    return service.api(optouts)


lambda_handler = container.start(handler)
