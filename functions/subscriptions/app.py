"""/webhooks/subscriptions: which events go to which URL of the user's."""

from longcode.domain.errors import NotFound
from longcode.entrypoints import container, subscription_routes
from longcode.entrypoints.requests import Request
from longcode.entrypoints.responses import Response


def handler(service: container.Service) -> container.Handler:
    """The routes over `service`."""
    served = subscription_routes.routes(service)

    def subscriptions(request: Request) -> Response:
        serve = served.get((request.method, request.route))
        if serve is None:
            raise NotFound("There is no such route.")
        return serve(request)

    return service.api(subscriptions)


lambda_handler = container.start(handler)
