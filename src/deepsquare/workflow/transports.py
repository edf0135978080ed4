"""Where a job's data comes from and goes to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from deepsquare.workflow.formats import check_bucket, check_bucket_path, check_url
from deepsquare.workflow.limits import MAX_NAME_BYTES
from deepsquare.workflow.shapes import Alternatives, Flag, Key, Model, RecordOf, Text


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpData(Model):
    """A file behind an http or https address."""

    url: Annotated[str, Key("url", Text(MAX_NAME_BYTES, check_url, "^https?://"), "Its address.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Data(Model):
    """A folder in an S3 bucket."""

    aliases: ClassVar[Mapping[str, str]] = {"bucket": "bucketUrl", "endpoint": "endpointUrl"}

    region: Annotated[str, Key("region", Text(MAX_NAME_BYTES), "The region, for example us-east-2.")]
    bucket_url: Annotated[
        str, Key("bucketUrl", Text(MAX_NAME_BYTES, check_bucket, "^s3://"), "The bucket: s3://my-bucket.")
    ]
    path: Annotated[str, Key("path", Text(MAX_NAME_BYTES, check_bucket_path, "^/"), "The path in the bucket.")]
    access_key_id: Annotated[str, Key("accessKeyId", Text(MAX_NAME_BYTES, is_secret=True), "The key's name.")] = field(
        repr=False
    )
    secret_access_key: Annotated[str, Key("secretAccessKey", Text(MAX_NAME_BYTES, is_secret=True), "The key.")] = field(
        repr=False
    )
    endpoint_url: Annotated[
        str, Key("endpointUrl", Text(MAX_NAME_BYTES, check_url, "^https?://"), "The server's address.")
    ]
    delete_sync: Annotated[
        bool, Key("deleteSync", Flag(), "Of an output: also delete in the bucket what is not in the output any more.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Transport(Model):
    """One way of data into a job or out of it."""

    alternatives: ClassVar[Alternatives] = Alternatives(("http", "s3"), is_required=True, advice="keep one of them")

    http: Annotated[HttpData | None, Key("http", RecordOf(lambda: HttpData), "Over http.")] = None
    s3: Annotated[S3Data | None, Key("s3", RecordOf(lambda: S3Data), "From or to an S3 bucket.")] = None
