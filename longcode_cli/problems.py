"""What can go wrong for an operator, in one line, and what to do about it."""

from botocore import exceptions as boto
from botocore.exceptions import BotoCoreError, ClientError

_SIGN_IN = "Sign in again (aws sso login, or fresh keys), or name another --profile."
_NETWORK = "Check the network and --region, then try again."

_REFUSALS = {
    "expired": ("ExpiredToken", "ExpiredTokenException", "RequestExpired"),
    "unknown": (
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "SignatureDoesNotMatch",
        "InvalidSignatureException",
        "AuthFailure",
    ),
    "denied": ("AccessDenied", "AccessDeniedException", "AuthorizationError", "KMS.AccessDeniedException"),
    "throttled": (
        "Throttling",
        "ThrottlingException",
        "RequestThrottled",
        "ProvisionedThroughputExceededException",
    ),
    "gone": (
        "ResourceNotFoundException",
        "QueueDoesNotExist",
        "AWS.SimpleQueueService.NonExistentQueue",
    ),
}
_KIND = {code: kind for kind, codes in _REFUSALS.items() for code in codes}


class Problem(Exception):
    """Something the operator has to know; `hint` is what to do."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint


def of(exc: BaseException) -> Problem | None:
    """`exc` in an operator's words; None if it is none of ours to explain."""
    seen: BaseException | None = exc
    while seen is not None:
        if isinstance(seen, Problem):
            return seen
        if isinstance(seen, ClientError):
            return _refused(seen)
        if isinstance(seen, BotoCoreError):
            return _unreachable(seen)
        # The layer's Unavailable says which store failed; why is in its cause.
        seen = seen.__cause__
    return None


def _refused(exc: ClientError) -> Problem:
    error = exc.response["Error"]
    code, said, action = error.get("Code", ""), error.get("Message", ""), exc.operation_name
    match _KIND.get(code):
        case "expired":
            return Problem("The AWS credentials have expired.", _SIGN_IN)
        case "unknown":
            return Problem("AWS does not know these credentials.", _SIGN_IN)
        case "denied":
            return Problem(f"AWS does not allow you {action}.", f"Your role needs it. AWS says: {said}")
        case "throttled":
            return Problem(f"AWS throttles {action}.", "Try again in a minute.")
        case "gone":
            return Problem(
                f"What {action} asks for is not there: {said or code}.",
                "Is the name right? Has the stack been deleted or deployed anew? Check --stack and --region; "
                "locally, make up.",
            )
    return Problem(f"AWS refused {action}: {said or code}.", f"Its error code is {code or 'missing'}.")


def _unreachable(exc: BotoCoreError) -> Problem:
    match exc:
        case boto.ProfileNotFound():
            return Problem(f"{exc}.", "aws configure list-profiles names those that there are.")
        case boto.NoRegionError():
            return Problem("No AWS region is set.", "Set AWS_REGION (export AWS_REGION=us-east-1).")
        case boto.NoCredentialsError() | boto.PartialCredentialsError() | boto.CredentialRetrievalError():
            return Problem("There are no AWS credentials.", "Add --profile, or sign in (aws sso login).")
        case boto.SSOError() | boto.TokenRetrievalError():
            return Problem("The AWS sign-in has ended.", _SIGN_IN)
    endpoint = str(getattr(exc, "kwargs", {}).get("endpoint_url", ""))
    if "//127.0.0.1:" in endpoint or "//localhost:" in endpoint:
        return Problem("The local stack does not answer.", "make up starts it; --stack NAME is for one on AWS.")
    return Problem(f"AWS does not answer: {exc}.", _NETWORK)
