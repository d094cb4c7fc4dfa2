"""What botocore and moto work out again for each call, worked out once or in a shorter way.

No rule of moto's is left out: its parsers, validators, conditions and answers are its own. Only what none of our
tests reads is put short: signatures, user agents and request ids.
"""

import functools
import itertools
import ssl
from copy import deepcopy
from typing import Any

import botocore.session
import pytest
from botocore import auth, hooks, useragent
from botocore.client import ClientCreator
from botocore.hooks import EventAliaser
from botocore.loaders import Loader, create_loader
from botocore.model import ServiceModel
from moto import backend_index
from moto.core import responses
from moto.core.serialize import BaseJSONSerializer
from moto.core.utils import camelcase_to_underscores, method_names_from_class
from moto.dynamodb.parsing import ast_nodes, expressions

# The services that most calls are for; moto looks through some two hundred for each.
_OURS = ("dynamodb", "sqs", "events", "secretsmanager", "lambda", "cloudformation")


def install(patch: pytest.MonkeyPatch) -> None:
    """For all sessions and clients of this process."""
    _models_read_once(patch)
    _requests_made_short(patch)
    _answers_made_short(patch)
    _expressions_parsed_once(patch)


def _models_read_once(patch: pytest.MonkeyPatch) -> None:
    """All sessions share what botocore knows of AWS: a client is made in 2 ms, not in 30."""
    loaders: dict[str | None, Loader] = {}
    patch.setattr(
        botocore.session, "create_loader", lambda path=None: loaders.setdefault(path, create_loader(path))
    )
    # Each session finds out for each of its hundreds of handlers which old name of a service its event has.
    found, names = EventAliaser._alias_event_name, dict[str, str]()  # type: ignore[attr-defined]  # its own

    def alias(self: EventAliaser, event_name: str) -> str:
        if event_name not in names:
            names[event_name] = found(self, event_name)
        return names[event_name]

    patch.setattr(EventAliaser, "_alias_event_name", alias)
    # And looks at the signature of each; and each client makes all methods of its service anew.
    patch.setattr(hooks, "accepts_kwargs", functools.cache(hooks.accepts_kwargs))
    create, methods = ClientCreator._create_methods, dict[str, dict[str, Any]]()  # type: ignore[attr-defined]  # its own

    def created(self: ClientCreator, service_model: ServiceModel) -> dict[str, Any]:
        name = service_model.service_name
        methods[name] = methods.get(name) or create(self, service_model)
        return dict(methods[name])

    patch.setattr(ClientCreator, "_create_methods", created)
    # Each client of httpx reads all certificates of the world, for 20 ms.
    patch.setattr(ssl, "create_default_context", functools.cache(ssl.create_default_context))


def _requests_made_short(patch: pytest.MonkeyPatch) -> None:
    signed = auth.SigV4Auth.add_auth

    # Any: a botocore request.
    def sign(self: auth.SigV4Auth, request: Any) -> None:
        """As moto reads it, which looks at the key and the region; S3 and the emulator get a whole signature."""
        if type(self) is not auth.SigV4Auth or not self.credentials or ".amazonaws.com/" not in request.url:
            signed(self, request)
            return
        scope = f"{self.credentials.access_key}/20300101/{self._region_name}/{self._service_name}/aws4_request"  # type: ignore[attr-defined]  # its own
        del request.headers["Authorization"]
        request.headers["Authorization"] = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"

    patch.setattr(auth.SigV4Auth, "add_auth", sign)
    cleaned = useragent.sanitize_user_agent_string_component
    patch.setattr(useragent, "sanitize_user_agent_string_component", functools.cache(cleaned))
    rows = backend_index.backend_url_patterns
    ours = [row for row in rows if row[0] in _OURS]
    patch.setattr(backend_index, "backend_url_patterns", [*ours, *(row for row in rows if row[0] not in _OURS)])


def _answers_made_short(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(responses, "method_names_from_class", functools.cache(method_names_from_class))
    patch.setattr(responses, "camelcase_to_underscores", functools.cache(camelcase_to_underscores))
    numbers = itertools.count()

    def request_id(headers: dict[str, Any]) -> str:
        headers["x-amzn-requestid"] = f"{next(numbers):052}"
        return str(headers["x-amzn-requestid"])

    patch.setattr(responses, "gen_amzn_requestid_long", request_id)
    serialized = BaseJSONSerializer._serialize_type_structure

    # Any: a value, and its shape in botocore's model.
    def serialize(self: BaseJSONSerializer, target: Any, value: Any, shape: Any, key: str) -> None:
        """Of an attribute's value moto looks for ten types under several names each: what is there is taken."""
        if shape.name != "AttributeValue" or type(value) is not dict or not value.keys() <= shape.members.keys():
            serialized(self, target, value, shape, key)
            return
        found: dict[str, Any] = {}
        for kind, inner in value.items():
            self._serialize(found, inner, shape.members[kind], kind)
        self._default_serialize(target, found, shape, key)

    patch.setattr(BaseJSONSerializer, "_serialize_type_structure", serialize)


# Any: moto has no types for the nodes of its syntax trees.
_nodes: Any = ast_nodes
_Parser: Any = expressions.UpdateExpressionParser  # type: ignore[attr-defined]


def _expressions_parsed_once(patch: pytest.MonkeyPatch) -> None:
    """Each update is parsed twice, copied, and walked through by ten validators."""
    # What has been parsed is only read: the validators work on a copy.
    parsed = functools.lru_cache(maxsize=1000)(_Parser.make)
    patch.setattr(_Parser, "make", staticmethod(parsed))
    patch.setattr(_nodes.Node, "__deepcopy__", _copied, raising=False)
    patch.setattr(_nodes.Node, "find_clauses", _clauses)
    patch.setattr(_nodes.DepthFirstTraverser, "traverse", _traversed)


# Nodes are abstract classes, of which `isinstance` asks at each look.
_is_kind: Any = functools.lru_cache(maxsize=1000)(issubclass)
_NESTED = (_nodes.Expression, _nodes.UpdateExpressionFunction)


def _copied(node: Any, memo: dict[int, Any]) -> Any:
    made = object.__new__(type(node))
    made.__dict__.update(node.__dict__, parent=None)
    if node.children is not None:
        made.children = [deepcopy(one, memo) for one in node.children]
        for one in made.children:
            if _is_kind(type(one), _nodes.Node):
                one.parent = made
    return made


def _clauses(node: Any, kinds: Any) -> list[Any]:
    found: list[Any] = []
    for child in node.children or ():
        if type(child) in kinds:
            found.append(child)
        elif _is_kind(type(child), _NESTED):
            found.extend(child.find_clauses(kinds))
    return found


def _traversed(self: Any, root: Any) -> Any:
    kinds = self.nodes_to_be_processed()

    def walk(node: Any, place: int) -> Any:
        if not _is_kind(type(node), _nodes.Node):
            return node
        parent = node.parent
        for number, child in enumerate(node.children or ()):
            self.pre_processing_of_child(node, number)
            walk(child, number)
        if _is_kind(type(node), kinds):
            node = self.process(node)
            node.parent = parent
            if parent:
                parent.children[place] = node
        return node

    return walk(root, -1)
