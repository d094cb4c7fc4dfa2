"""Deploys the built template into the emulator, and makes good what the emulator leaves out."""

# What differs from AWS is here and nowhere in the template:
#
# - a FIFO mapping of the emulator works on one batch at a time, so that it gets identical siblings
#   (AWS refuses those; order and locks hold all the same);
# - its OpenAPI import drops gateway responses, so that they are put from the template;
# - its REST API gets an id of our choosing (the `ms-custom-id` tag), so that the webhook address is
#   known before the first deployment. The emulator makes a new API when its routes change and refuses
#   an id that is in use, so the id follows the definition. Where a change of the definition turns out
#   to be none of the routes, the API keeps its old id and the address is put right.

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from . import package, sam_template
from .build import Build, run_sam, sam_environment
from .emulator import REGION
from .layout import Layout, aws_environment, write_json
from .problems import START_AFRESH

STACK_NAME = "long-code-sms-local"
STAGE = "v1"
MARKER = "/long-code-sms-local/deployed"


@dataclass(frozen=True, slots=True)
class Deployment:
    """What was deployed."""

    api_url: str
    api_key: str
    queue_url: str
    dead_letter_queue_url: str
    messages_table: str
    limits_table: str
    functions: dict[str, str]
    log_groups: dict[str, str]
    parameters: dict[str, str]  # without what is not to be shown


# What DescribeStacks tells of a parameter with NoEcho.
_HIDDEN = "****"


def mappings_wanted() -> int:
    """How many batches of the queue to work on at a time."""
    # Six hold the pacing within a few percent of AWS's fifty and more; beyond that more cores are needed.
    return max(6, min(12, 2 * (os.cpu_count() or 1)))


def definition_id(template: dict[str, Any]) -> str:
    """The id that a REST API of this definition is made with."""
    definition = json.dumps(sam_template.api_definition(template), sort_keys=True, default=str)
    return hashlib.sha256(definition.encode()).hexdigest()[:8]


@dataclass(frozen=True, slots=True)
class Marker:
    """What the emulator holds. Kept in it, so that it is lost, or restored, together with that."""

    fingerprint: str = ""
    definition: str = ""
    api_id: str = ""


def fingerprint(build: Build, parameters: dict[str, str]) -> str:
    """A hash of everything that a deployment depends on."""
    asked = json.dumps([build.fingerprint, parameters, mappings_wanted()], sort_keys=True)
    return hashlib.sha256(asked.encode()).hexdigest()[:16]


class Deployer:
    """Deploys to the emulator at `endpoint_url`."""

    def __init__(self, endpoint_url: str, layout: Layout) -> None:
        self._endpoint_url = endpoint_url
        self._layout = layout
        self._session = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION)

    def deployed(self) -> str:
        """The fingerprint of what the emulator holds, or nothing."""
        return self._marker().fingerprint

    def api_url(self, template: dict[str, Any]) -> str:
        """The API's address, as far as it is known before it is deployed."""
        wanted, marker = definition_id(template), self._marker()
        return self._url(marker.api_id if marker.definition == wanted else wanted)

    def deploy(self, build: Build, parameters: dict[str, str]) -> dict[str, str]:
        """Deploy the template, then the repairs, then the marker that says all of it is done.

        Answers the parameters as they came to be: `WebhookUrl` follows the API's real address.
        """
        template = sam_template.load(build.template)
        expected = self.api_url(template)
        self._clear_failed_stack()
        self._put_template(build, parameters, definition_id(template))
        api_id = self._outputs()["ApiId"]
        if (actual := self._url(api_id)) != expected:
            parameters = {name: value.replace(expected, actual) for name, value in parameters.items()}
            self._put_template(build, parameters, definition_id(template))
        self._put_gateway_responses(api_id, template)
        self._multiply_mappings()
        marker = Marker(fingerprint(build, parameters), definition_id(template), api_id)
        self._client("ssm").put_parameter(
            Name=MARKER, Value=json.dumps(asdict(marker)), Type="String", Overwrite=True
        )
        return parameters

    def describe(self, build: Build) -> Deployment:
        """What the stack's outputs and resources say."""
        template = sam_template.load(build.template)
        resources = self._resources()
        outputs = self._outputs()
        key = self._client("apigateway").get_api_key(apiKey=outputs["ApiKeyId"], includeValue=True)
        functions, log_groups = {}, {}
        for logical_id, properties in sam_template.functions(template).items():
            if logical_id not in resources:
                # Its condition does not hold, as that of StoreMedia mostly.
                continue
            folder = resources[logical_id].removeprefix(f"{STACK_NAME}-")
            functions[folder] = resources[logical_id]
            group = (properties.get("LoggingConfig") or {}).get("LogGroup") or {}
            log_groups[folder] = resources.get(group.get("Ref", ""), f"/aws/lambda/{resources[logical_id]}")
        return Deployment(
            api_url=self._url(outputs["ApiId"]),
            api_key=key["value"],
            queue_url=outputs["SendQueueUrl"],
            dead_letter_queue_url=outputs["DeadLetterQueueUrl"],
            messages_table=outputs["MessagesTableName"],
            limits_table=outputs["LimitsTableName"],
            functions=functions,
            log_groups=log_groups,
            parameters=self.parameters(),
        )

    def parameters(self) -> dict[str, str]:
        """The parameters that the stack has, without what is not to be shown; none where there is no stack."""
        try:
            rows = self._described()["Parameters"]
        except ClientError:
            return {}
        return {row["ParameterKey"]: row["ParameterValue"] for row in rows if row["ParameterValue"] != _HIDDEN}

    def _url(self, api_id: str) -> str:
        return f"{self._endpoint_url}/_aws/execute-api/{api_id}/{STAGE}"

    def _marker(self) -> Marker:
        try:
            value = self._client("ssm").get_parameter(Name=MARKER)["Parameter"]["Value"]
            return Marker(**json.loads(value))
        except (ClientError, ValueError, TypeError):
            return Marker()

    def _client(self, service: str) -> Any:
        # The emulator is one process: a call that it doesn't answer won't be answered later either.
        config = Config(retries={"total_max_attempts": 2}, connect_timeout=2, read_timeout=60)
        return self._session.client(
            service,  # type: ignore[call-overload]
            endpoint_url=self._endpoint_url,
            config=config,
        )

    def _described(self) -> dict[str, Any]:
        stack: dict[str, Any] = self._client("cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"][0]
        return stack

    def _outputs(self) -> dict[str, str]:
        return {output["OutputKey"]: output["OutputValue"] for output in self._described()["Outputs"]}

    def _resources(self) -> dict[str, str]:
        pages = self._client("cloudformation").get_paginator("list_stack_resources")
        return {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for page in pages.paginate(StackName=STACK_NAME)
            for resource in page["StackResourceSummaries"]
            if "PhysicalResourceId" in resource
        }

    def _clear_failed_stack(self) -> None:
        """A stack whose creation failed can't be updated; it holds nothing either."""
        formation = self._client("cloudformation")
        try:
            status = formation.describe_stacks(StackName=STACK_NAME)["Stacks"][0]["StackStatus"]
        except ClientError:
            return
        if status in ("CREATE_FAILED", "ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "REVIEW_IN_PROGRESS"):
            formation.delete_stack(StackName=STACK_NAME)
            formation.get_waiter("stack_delete_complete").wait(
                StackName=STACK_NAME, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
            )

    def _put_template(self, build: Build, parameters: dict[str, str], rest_api_id: str) -> None:
        """`sam deploy` a build that has not been deployed yet; after that, what SAM made of it."""
        # Whatever is different moves the aliases.
        values = parameters | {"Release": fingerprint(build, parameters)}
        tags = {"ms-custom-id": rest_api_id}
        s3, formation = self._client("s3"), self._client("cloudformation")
        s3.create_bucket(Bucket=package.BUCKET)
        with package.of(build) as made:
            if made is None:
                self._sam_deploy(build, values, tags)
                package.keep(build, s3, formation, STACK_NAME, self._endpoint_url)
                return
        url = made.put(s3, self._endpoint_url)
        package.execute(formation, STACK_NAME, url, build, values, tags)

    def _sam_deploy(self, build: Build, parameters: dict[str, str], tags: dict[str, str]) -> None:
        # SAM would read samconfig.toml, which is for AWS. The file keeps the keys out of `ps`.
        config = self._layout.home / "samconfig.toml"
        config.write_text("version = 0.1\n")
        values = self._layout.home / "parameters.yaml"
        write_json(values, parameters)  # JSON is YAML
        log = self._layout.log("deploy")
        arguments = [
            *("deploy", "--config-file", str(config), "--template-file", str(build.template)),
            *("--stack-name", STACK_NAME, "--region", REGION, "--s3-bucket", package.BUCKET),
            *("--capabilities", "CAPABILITY_IAM"),
            *("--tags", *(f"{name}={value}" for name, value in tags.items())),
            *("--no-confirm-changeset", "--no-fail-on-empty-changeset", "--no-progressbar"),
            *("--parameter-overrides", f"file://{values}"),
        ]
        environment = sam_environment() | aws_environment(self._endpoint_url, REGION)
        run_sam(arguments, environment, log, failure="sam deploy into the emulator failed.", hint=START_AFRESH)

    def _put_gateway_responses(self, rest_api_id: str, template: dict[str, Any]) -> None:
        gateway = self._client("apigateway")
        for kind, arguments in sam_template.gateway_responses(template).items():
            gateway.put_gateway_response(restApiId=rest_api_id, responseType=kind, **arguments)
        # They count from the next deployment of the API on.
        gateway.create_deployment(restApiId=rest_api_id, stageName=STAGE)

    def _multiply_mappings(self) -> None:
        functions = self._client("lambda")
        own = set(self._resources().values())
        found = functions.list_event_source_mappings()["EventSourceMappings"]
        for mapping in found:
            if mapping["UUID"] not in own:
                functions.delete_event_source_mapping(UUID=mapping["UUID"])
        for mapping in found:
            if mapping["UUID"] in own and mapping["EventSourceArn"].endswith(".fifo"):
                # What is bulk gives way to the rest, so two batches of it at a time will do.
                bulk = "Bulk" in mapping["EventSourceArn"]
                for _ in range((2 if bulk else mappings_wanted()) - 1):
                    functions.create_event_source_mapping(
                        EventSourceArn=mapping["EventSourceArn"],
                        FunctionName=mapping["FunctionArn"],
                        BatchSize=mapping["BatchSize"],
                        FunctionResponseTypes=mapping["FunctionResponseTypes"],
                        Enabled=mapping["State"] == "Enabled",
                    )
