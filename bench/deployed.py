"""What the benchmarks do with the functions of a local stack: other code and versions, more batches at a time."""

import io
import urllib.request
import zipfile
from collections.abc import Mapping
from typing import Any

import boto3

from devtools.local_stack.layout import Stack
from devtools.local_stack.release import ALIAS, alias_of


# Any: boto3 makes its clients at run time.
def client(stack: Stack, service: str) -> Any:
    """A client of the stack's own AWS."""
    session: Any = boto3.Session(aws_access_key_id="test", aws_secret_access_key="test", region_name=stack.region)
    return session.client(service, endpoint_url=stack.aws_endpoint_url)


def version(stack: Stack, name: str) -> str:
    """The version that the alias of a function stands for."""
    found = client(stack, "lambda").get_alias(FunctionName=stack.functions[name], Name=ALIAS)
    return str(found["FunctionVersion"])


def publish(stack: Stack, name: str, files: Mapping[str, str], handler: str) -> str:
    """A new version of a function with these files beside its own, and this handler. Returns it."""
    functions, function = client(stack, "lambda"), stack.functions[name]
    found = functions.get_function(FunctionName=function)
    with urllib.request.urlopen(found["Code"]["Location"], timeout=30) as answer:
        code = io.BytesIO(answer.read())
    with zipfile.ZipFile(code, "a") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    functions.update_function_code(FunctionName=function, ZipFile=code.getvalue())
    functions.update_function_configuration(FunctionName=function, Handler=handler)
    return str(functions.publish_version(FunctionName=function)["Version"])


def serve(stack: Stack, name: str, number: str) -> None:
    """Let the alias of a function stand for this version."""
    client(stack, "lambda").update_alias(FunctionName=stack.functions[name], Name=ALIAS, FunctionVersion=number)


def multiply(stack: Stack, batches: int) -> None:
    """A mapping of the emulator works on one batch at a time: as many mappings as there shall be batches."""
    functions, name = client(stack, "lambda"), alias_of(stack.functions["consumer"])
    found = functions.list_event_source_mappings(FunctionName=name)["EventSourceMappings"]
    for _ in range(batches - len(found)):
        functions.create_event_source_mapping(
            EventSourceArn=found[0]["EventSourceArn"],
            FunctionName=name,
            BatchSize=found[0]["BatchSize"],
            FunctionResponseTypes=found[0]["FunctionResponseTypes"],
        )


def poll(stack: Stack, *, enabled: bool) -> int:
    """Let the consumer take from the queue, or not. Returns how many mappings there are."""
    functions = client(stack, "lambda")
    found = functions.list_event_source_mappings(FunctionName=alias_of(stack.functions["consumer"]))
    for mapping in found["EventSourceMappings"]:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=enabled)
    return len(found["EventSourceMappings"])
