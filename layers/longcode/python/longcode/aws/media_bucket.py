"""The bucket that what people send is kept in: `media/<message id>/<SHA-256 of the content>`."""

from typing import Any

from longcode.aws.clients import translated
from longcode.domain.errors import Unavailable

# For so long a link leads to its file.
LINK_S = 300
_WHAT = "The media bucket"
# How a file is called where it is saved, by its type; any other has no ending.
_ENDINGS = {
    "image/jpeg": ".jpg",
    "image/jpg": ".jpg",
    "image/png": ".png",
    "image/gif": ".gif",
    "image/webp": ".webp",
    "image/heic": ".heic",
    "video/mp4": ".mp4",
    "video/3gpp": ".3gp",
    "video/quicktime": ".mov",
    "audio/amr": ".amr",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "text/vcard": ".vcf",
    "text/x-vcard": ".vcf",
    "text/directory": ".vcf",
    "text/plain": ".txt",
    "application/pdf": ".pdf",
    "application/smil": ".smil",
}


class S3MediaBucket:
    """media_store.MediaBucket over S3.

    A message's id is in each key, so that two people who send the same picture have one each: erasing one of them
    leaves the other's.
    """

    # Any: the checker's types of S3's client are none of our packages.
    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, message_id: str, sha256: str, content_type: str, body: bytes) -> None:
        with translated(_WHAT):
            self._client.put_object(
                Bucket=self._bucket, Key=_key(message_id, sha256), Body=body, ContentType=content_type
            )

    def forget(self, message_id: str) -> None:
        while keys := self._keys(message_id):
            with translated(_WHAT):
                answer = self._client.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
                )
            if answer.get("Errors"):
                raise Unavailable(_WHAT)

    def _keys(self, message_id: str) -> list[str]:
        """Up to a thousand, which is as many as one call deletes."""
        with translated(_WHAT):
            answer = self._client.list_objects_v2(Bucket=self._bucket, Prefix=_key(message_id, ""))
        return [row["Key"] for row in answer.get("Contents", [])]

    def link(self, message_id: str, sha256: str, content_type: str) -> str:
        name = f"{sha256[:16]}{_ENDINGS.get(content_type, '')}"
        with translated(_WHAT):
            # Signed here, without a call. A browser saves the file and does not show it as a page of the bucket's.
            link: str = self._client.generate_presigned_url(
                "get_object",
                Params={
                    "Bucket": self._bucket,
                    "Key": _key(message_id, sha256),
                    "ResponseContentDisposition": f'attachment; filename="{name}"',
                },
                ExpiresIn=LINK_S,
            )
        return link


def _key(message_id: str, sha256: str) -> str:
    return f"media/{message_id}/{sha256}"
