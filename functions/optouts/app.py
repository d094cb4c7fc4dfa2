"""/sms/optouts: who wants no texts; to look at, to add to, to take from."""

from longcode import consent, http, phone, wiring
from longcode.errors import NotFound
from longcode.ports import OptOutChange

PAGE = 100


def handler(service: wiring.Service) -> wiring.Handler:
    """The routes over `service`."""
    ledger = service.optouts

    def optouts(request: http.Request) -> http.Response:
        number = request.path_number
        if number is None:
            return http.opt_out_page(ledger.page(request.opt_out_cursor, PAGE), PAGE)
        if not phone.is_e164(number) and ledger.get(number) is None:
            # More likely a slip than a sender, and a slip opts nobody out.
            raise http.no_number()
        if request.method in ("PUT", "DELETE"):
            now = service.clock.now_ms()
            change = OptOutChange(now, request.method == "PUT", "api", request.caller_name)
            consent.heed(ledger, number, change, now)
        found = ledger.get(number)
        if found is None:
            raise NotFound("This number has never opted out.")
        return http.opt_out(found)

    return service.api(optouts)


lambda_handler = wiring.start(handler)
