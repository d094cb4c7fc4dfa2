"""The API: whether it answers, and whom it lets in."""

import uuid

from longcode_cli.commands.doctor.case import Case, Outcome, code_of, fail, json_of, ok, warn


def _health(case: Case) -> Outcome:
    answer = case.get("/health")
    if answer.status_code == 200 and json_of(answer).get("status") == "healthy":
        return ok("/health answers without a key")
    return fail(f"/health answers {code_of(answer)}.", f"Its log says why: {case.log('health')}")


def _api_key(case: Case) -> Outcome:
    ident = case.stack.outputs["ApiKeyId"]
    key = case.stack.client("apigateway").get_api_key(apiKey=ident, includeValue=True)
    path = f"/sms/status/{uuid.uuid4()}"
    stranger = case.get(path)
    if stranger.status_code != 403:
        return fail(
            f"Without a key /sms/status answers {code_of(stranger)}, where 403 is due: is the API open to all?",
            f"Set the gateway to what the template says: {case.redeploy}",
        )
    ours = case.get(path, {"x-api-key": key["value"]})
    if ours.status_code == 429:
        return warn("The gateway throttles the API key.", "More is sent than the usage plan allows.")
    if ours.status_code != 404 or json_of(ours).get("code") != "not_found":
        return fail(
            f"With the API key /sms/status answers {code_of(ours)}, where 404 not_found is due.",
            f"For a 403, {case.redeploy} puts the key on the usage plan; else see the log: {case.log('status')}",
        )
    if key.get("enabled") is False:
        return fail("The API key is switched off.", f"Switch it on: {case.redeploy}")
    return ok("lets us in, and no one without it")


CHECKS = {"health": _health, "api key": _api_key}
