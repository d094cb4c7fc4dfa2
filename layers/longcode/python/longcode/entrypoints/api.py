"""Serves one call of the API: an event in, one response out, one log line."""

from collections.abc import Callable

from longcode.domain import errors
from longcode.domain.metrics import Metric
from longcode.entrypoints.error_responses import INTERNAL_ERROR, error_response
from longcode.entrypoints.requests import GatewayEvent, Request
from longcode.entrypoints.responses import Response
from longcode.use_cases import store_failures
from longcode.use_cases.ports import Clock, Logger, Metrics


def answer(
    event: GatewayEvent, serve: Callable[[Request], Response], logger: Logger, metrics: Metrics, clock: Clock
) -> dict[str, object]:
    """Serve one call as API Gateway wants it. An error of ours has its one response, any other is a plain 500."""
    context = event.get("requestContext") or {}
    began = clock.now_ms()
    logger.bind(request_id=context.get("requestId"))
    try:
        response = serve(Request(event))
    except (errors.RequestError, errors.SendRefused, errors.Unavailable) as exc:
        response = error_response(exc)
        if isinstance(exc, errors.SignatureRefused):
            metrics.count(Metric.SIGNATURES_REFUSED)
            metrics.count(Metric.WEBHOOKS, 0)
        if isinstance(exc, errors.Unavailable):
            store_failures.note(exc, metrics, logger)
    except Exception:
        # The one place that must survive anything.
        logger.exception("request.crashed")
        metrics.count(Metric.CRASHED)
        response = INTERNAL_ERROR
    logger.info(
        "request",
        route=context.get("resourcePath"),
        status=response.status,
        code=response.fields.get("code"),
        duration_ms=clock.now_ms() - began,
    )
    return response.for_gateway()
