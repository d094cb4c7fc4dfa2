"""What every bucket of media, and every store of the notes about it, promises; also to several at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest
from botocore.config import Config

from longcode.aws.media_bucket import LINK_S, S3MediaBucket
from longcode.aws.media_notes import DynamoMediaNotes
from longcode.aws.messages import DynamoMessages
from longcode.domain.errors import Unavailable
from longcode.domain.message import MediaRow, Message
from longcode.domain.status import Status
from longcode.use_cases.media_store import MediaBucket, MediaNotes, Noted
from longcode.use_cases.ports import Messages
from tests.contract.message_steps import stored
from tests.contract.repeats import repeated
from tests.contract.tables import REGION, create_table
from tests.support import interleave
from tests.support.fakes import FakeMessages
from tests.support.fakes.examples import THEIRS, make_message
from tests.support.fakes.media import FakeMediaBucket, FakeMediaNotes
from tests.support.interleave import Run, Trial

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

ROWS: tuple[MediaRow, ...] = ({"url": "https://media.example/a.png"}, {"url": "https://media.example/b.png"})
FIRST: MediaRow = {**ROWS[0], "stored": True, "sha256": "a" * 64}
SECOND: MediaRow = {**ROWS[1], "stored": False, "problem": "It is empty."}


# ------------------------------------------------------------------------------------- the bucket


class Files:
    """A bucket, and what a test reads of it past its port."""

    def __init__(self, bucket: MediaBucket, client: Any = None) -> None:
        self.bucket = bucket
        self._client = client

    def all(self) -> dict[str, tuple[str, bytes]]:
        """Type and content by key."""
        if isinstance(self.bucket, FakeMediaBucket):
            return {
                f"media/{ident}/{sha}": (file.content_type, file.body)
                for (ident, sha), file in self.bucket.files.items()
            }
        rows = self._client.list_objects_v2(Bucket="media").get("Contents", [])
        objects = {row["Key"]: self._client.get_object(Bucket="media", Key=row["Key"]) for row in rows}
        return {key: (found["ContentType"], found["Body"].read()) for key, found in objects.items()}


@pytest.fixture(params=["fake", "s3"])
def files(request: pytest.FixtureRequest) -> Files:
    if request.param == "fake":
        return Files(FakeMediaBucket())
    request.getfixturevalue("aws")
    client = boto3.client(
        "s3",
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(signature_version="s3v4"),
    )
    client.create_bucket(Bucket="media")
    for row in client.list_objects_v2(Bucket="media").get("Contents", []):
        client.delete_object(Bucket="media", Key=row["Key"])
    return Files(S3MediaBucket(client, "media"), client)


def test_a_file_is_under_its_message_and_its_hash_and_the_same_again_changes_nothing(files: Files) -> None:
    for _ in range(2):
        files.bucket.put("one", "aa", "image/png", b"png")
    files.bucket.put("one", "bb", "application/pdf", b"")
    files.bucket.put("two", "aa", "image/png", b"png")

    assert files.all() == {
        "media/one/aa": ("image/png", b"png"),
        "media/one/bb": ("application/pdf", b""),
        "media/two/aa": ("image/png", b"png"),
    }


def test_the_files_of_one_message_are_forgotten_and_no_others(files: Files) -> None:
    for message_id in ("one", "one-more", "on"):
        files.bucket.put(message_id, "aa", "image/png", b"png")

    files.bucket.forget("one")
    files.bucket.forget("one")
    files.bucket.forget("none")

    assert sorted(files.all()) == ["media/on/aa", "media/one-more/aa"]


def test_all_files_go_also_where_one_call_lists_only_some(aws: None) -> None:
    class Client:
        """Lists and deletes two at a time."""

        def __init__(self) -> None:
            self.keys = [f"media/one/{number}" for number in range(5)]

        def list_objects_v2(self, **_: object) -> dict[str, Any]:
            return {"Contents": [{"Key": key} for key in self.keys[:2]]}

        def delete_objects(self, *, Delete: dict[str, Any], **_: object) -> dict[str, Any]:
            self.keys = [key for key in self.keys if {"Key": key} not in Delete["Objects"]]
            return {}

    client = Client()
    S3MediaBucket(client, "media").forget("one")
    assert client.keys == []


def test_a_file_that_can_not_be_deleted_is_said_to_be(aws: None) -> None:
    class Client:
        """Deletes nothing, and says so in a 200."""

        def list_objects_v2(self, **_: object) -> dict[str, Any]:
            return {"Contents": [{"Key": "media/one/aa"}]}

        def delete_objects(self, **_: object) -> dict[str, Any]:
            return {"Errors": [{"Key": "media/one/aa", "Code": "AccessDenied"}]}

    with pytest.raises(Unavailable):
        S3MediaBucket(Client(), "media").forget("one")


def test_a_link_names_one_file_for_five_minutes_and_has_a_browser_save_it(files: Files) -> None:
    files.bucket.put("one", "a" * 64, "image/jpeg", b"jpeg")

    link = httpx.URL(files.bucket.link("one", "a" * 64, "image/jpeg"))

    assert link.path.endswith(f"media/one/{'a' * 64}")
    if not isinstance(files.bucket, FakeMediaBucket):
        assert link.params["X-Amz-Expires"] == str(LINK_S) == "300"
        assert link.params["response-content-disposition"] == f'attachment; filename="{"a" * 16}.jpg"'
        assert link.params["X-Amz-Algorithm"] == "AWS4-HMAC-SHA256"


def test_an_unreachable_bucket_is_unavailable(aws: None) -> None:
    client = boto3.client("s3", region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")
    bucket = S3MediaBucket(client, "none-of-that-name")
    with pytest.raises(Unavailable):
        bucket.put("one", "aa", "image/png", b"png")
    with pytest.raises(Unavailable):
        bucket.forget("one")


# -------------------------------------------------------------------------------------- the notes


@dataclass(frozen=True, slots=True)
class Notes:
    """Messages, and the notes about their media."""

    messages: Messages
    notes: MediaNotes

    def received(self) -> Message:
        """An inbound text with two media."""
        message = make_message(
            direction="inbound", status=Status.RECEIVED, route="webhook", sender=THEIRS, metadata={}, media=ROWS
        )
        self.messages.receive(message)
        return stored(self.messages, message)

    def media(self, message: Message) -> Sequence[MediaRow]:
        return stored(self.messages, message).media


def fakes() -> Notes:
    messages = FakeMessages(validity_minutes=60)
    return Notes(messages, FakeMediaNotes(messages))


@pytest.fixture(params=["fake", "dynamodb"])
def notes(request: pytest.FixtureRequest) -> Notes:
    if request.param == "fake":
        return fakes()
    client: DynamoDBClient = request.getfixturevalue("dynamodb")
    table = create_table(client, "MessagesTable")
    messages = DynamoMessages(client, table, retention_days=90, validity_minutes=60)
    return Notes(messages, DynamoMediaNotes(client, table))


def test_what_is_noted_is_there_and_nothing_else_changes(notes: Notes) -> None:
    message = notes.received()

    assert notes.notes.note(message, [FIRST, ROWS[1]]) is Noted.WRITTEN

    found = stored(notes.messages, message)
    assert found.media == (FIRST, ROWS[1])
    assert (found.status, found.text, found.accepted_ms) == (message.status, message.text, message.accepted_ms)


def test_a_note_upon_what_was_read_before_another_is_refused(notes: Notes) -> None:
    message = notes.received()
    notes.notes.note(message, [FIRST, ROWS[1]])

    assert notes.notes.note(message, [ROWS[0], SECOND]) is Noted.CHANGED
    assert notes.media(message) == (FIRST, ROWS[1])
    # The same again, as after a lost answer, is a success.
    assert notes.notes.note(message, [FIRST, ROWS[1]]) is Noted.WRITTEN
    assert notes.notes.note(stored(notes.messages, message), [FIRST, SECOND]) is Noted.WRITTEN


@pytest.mark.parametrize("way", ["never stored", "closed", "closed twice"])
def test_a_message_that_is_gone_or_closed_takes_no_note(notes: Notes, way: str) -> None:
    if way == "never stored":
        message = make_message(direction="inbound", status=Status.RECEIVED, route="webhook", media=ROWS)
    else:
        message = notes.received()
        for _ in range(len(way.split())):
            notes.notes.close(message.id)

    assert notes.notes.note(message, [FIRST, SECOND]) is Noted.GONE

    found = notes.messages.get(message.id)
    assert found is None if way == "never stored" else found == message


def test_to_close_what_is_gone_puts_nothing_in_its_place(notes: Notes) -> None:
    message = make_message()
    notes.notes.close(message.id)
    assert notes.messages.get(message.id) is None


def test_an_answer_that_is_lost_and_repeated_is_a_success(dynamodb: "DynamoDBClient") -> None:
    table = create_table(dynamodb, "MessagesTable")
    real = Notes(
        DynamoMessages(dynamodb, table, retention_days=90, validity_minutes=60), DynamoMediaNotes(dynamodb, table)
    )
    message = real.received()
    with repeated(dynamodb, "UpdateItem"):
        assert real.notes.note(message, [FIRST, SECOND]) is Noted.WRITTEN
    with repeated(dynamodb, "UpdateItem"):
        real.notes.close(message.id)
    assert real.notes.note(stored(real.messages, message), [FIRST, SECOND]) is Noted.GONE


def test_of_two_notes_at_once_one_is_written_and_none_after_a_close(
    dynamodb: "DynamoDBClient", request: pytest.FixtureRequest
) -> None:
    table = create_table(dynamodb, "MessagesTable")
    messages = DynamoMessages(dynamodb, table, retention_days=90, validity_minutes=60)

    def trial(made: Notes) -> Trial:
        message = made.received()
        results: list[Noted] = []
        closed: list[int] = []

        def close() -> None:
            made.notes.close(message.id)
            closed.append(len(results))

        def check(run: Run) -> None:
            written = [result for result in results if result is Noted.WRITTEN]
            assert len(written) <= 1, run.calls
            assert set(results[closed[0] :]) <= {Noted.GONE}, run.calls
            media = made.media(message)
            assert (media != ROWS) == bool(written), run.calls

        return [
            lambda: results.append(made.notes.note(message, [FIRST, ROWS[1]])),
            lambda: results.append(made.notes.note(message, [ROWS[0], SECOND])),
            close,
        ], check

    assert interleave.every(lambda: trial(fakes())) > 5
    with interleave.stopping(dynamodb):
        assert interleave.every(lambda: trial(Notes(messages, DynamoMediaNotes(dynamodb, table)))) > 5
