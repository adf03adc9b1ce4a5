"""Codes and bodies agree with what the operator publishes: the descriptions that its own client is made from.

Two facts more were read and are told in our own words: the list of suppressed addresses answers an address that is not
on it with `NotFoundException` and 404 (docs.aws.amazon.com, SES API v2, GetSuppressedDestination), and a batch that
names a version that is not there reports no error for it (minio/minio#11114), so it cannot tell `done` from `already`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError

from tests.services.aws.account import DOCUMENTS, AwsDouble
from upheld.services.aws.errors import TROUBLE, of_answer, of_code
from upheld.services.contract import HANAKO
from upheld.services.rules import Trouble

SERVICES = ("s3", "dynamodb", "cognito-idp", "sesv2", "logs")
COMMON = frozenset(
    ["AccessDenied", "AccessDeniedException", "AllAccessDisabled", "AccountProblem", "AuthorizationHeaderMalformed", "BandwidthLimitExceeded", "ConditionalRequestConflict", "DailyQuotaExceeded", "EntityTooLarge", "ExpiredToken", "ExpiredTokenException", "InternalError", "InternalFailure", "InvalidAccessKeyId", "InvalidArgument", "InvalidClientTokenId", "InvalidParameter", "InvalidParameterValue", "InvalidRequest", "KMSAccessDeniedException", "KeyTooLongError", "LimitExceeded", "MalformedXML", "MethodNotAllowed", "MissingParameter", "NoSuchBucket", "NoSuchVersion", "OperationAborted", "OptInRequired", "PermanentRedirect", "ReplicationConfigurationNotFoundError", "PreconditionFailed", "RequestExpired", "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException", "RequestTimeTooSkewed", "RequestTimeout", "RequestTimeoutException", "SerializationException", "ServiceUnavailable", "SignatureDoesNotMatch", "SlowDown", "Throttling", "ThrottledException", "ThrottlingException", "TokenRefreshRequired", "TooManyRequestsException", "TransactionInProgressException", "UnauthorizedOperation", "UnknownOperationException", "UnrecognizedClientException", "ValidationError", "ValidationException", "InternalServiceErrorException"]
)
"""Codes that the operator lists for all services, or for S3, whose descriptions name few of its own."""


@pytest.mark.parametrize("code", sorted(TROUBLE))
def test_every_code_is_one_that_the_operator_publishes(code: str) -> None:
    """In a description of one of the services, or in the lists of common errors."""
    assert code in _published() or code in COMMON


def _published() -> frozenset[str]:
    if not _PUBLISHED:
        session = botocore.session.get_session()
        for name in SERVICES:
            model = session.get_service_model(name)
            _PUBLISHED.update(shape for shape in model.shape_names if model.shape_for(shape).metadata.get("exception"))
            _PUBLISHED.update(shape.error_code for shape in model.error_shapes)
    return frozenset(_PUBLISHED)


_PUBLISHED: set[str] = set()


@pytest.mark.parametrize(
    ("code", "status", "trouble"),
    [
        ("ExpiredToken", 400, "token"), ("", 401, "token"), ("ThrottlingException", 400, "throttle"), ("SlowDown", 503, "throttle"),
        ("429", 429, "throttle"), ("", 500, "transient"), ("503", 503, "transient"), ("NoSuchKey", 404, "absent"), ("404", 404, "absent"),
        ("AccessDenied", 403, "permission"), ("403", 403, "permission"), ("ConditionalCheckFailedException", 400, "conflict"),
        ("ValidationException", 400, "bug"), ("NoSuchBucket", 404, "bug"), ("ResourceNotFoundException", 400, "bug"),
        ("SomethingNew", 404, "unknown"), ("AliasExistsException", 400, "tenant"), ("418", 418, "unknown"),
    ],
)  # fmt: skip
def test_the_code_decides_and_the_status_line_only_without_one(code: str, status: int, trouble: Trouble) -> None:
    """A code nobody knows is unknown, whatever the status line says; a store that is not there is never `absent`."""
    assert of_code(code, status) == trouble


def test_the_operators_own_words_stay_behind() -> None:
    """Sentences repeat values; only a code of plain letters is kept, and a wish to wait is believed for an hour at most."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    told = {"Code": f"{HANAKO.email} is unknown", "Message": HANAKO.email}
    error = of_answer(ClientError({"Error": told, "ResponseMetadata": {"HTTPStatusCode": 400}}, "Get"), now)
    assert (error.diagnostic.code, error.trouble) == ("unknown", "unknown")
    assert HANAKO.email not in f"{error} {error.diagnostic}"
    about = {"HTTPStatusCode": 503, "HTTPHeaders": {"retry-after": "86400"}}
    slow = of_answer(ClientError({"Error": {"Code": "com.amazonaws#SlowDown:"}, "ResponseMetadata": about}, "Get"), now)
    assert (slow.diagnostic.code, slow.retry_at) == ("SlowDown", now.replace(hour=1))


def _agrees(shape: Any, body: Any) -> bool:
    """Say whether a body is what a description promises: no member it does not know, none missing that it requires."""
    if shape.type_name == "structure":
        if not isinstance(body, Mapping) or set(body) - set(shape.members) or set(shape.required_members) - set(body):
            return False
        return all(_agrees(shape.members[name], value) for name, value in body.items())
    if shape.type_name == "list":
        return isinstance(body, list) and all(_agrees(shape.member, one) for one in body)
    if getattr(shape, "enum", None):
        return body in shape.enum
    return isinstance(body, {"string": str, "timestamp": int | float}.get(shape.type_name, object))


def test_the_list_of_suppressed_addresses_answers_as_described(double: AwsDouble) -> None:
    """Put, get, list, delete with the official client; a wrong reason and an unknown address are refused as described."""
    sesv2 = double.hand("sesv2")
    model = botocore.session.get_session().get_service_model("sesv2")
    sesv2.put_suppressed_destination(EmailAddress=HANAKO.email, Reason="COMPLAINT")
    assert sesv2.get_suppressed_destination(EmailAddress=HANAKO.email)["SuppressedDestination"]["Reason"] == "COMPLAINT"
    (one,) = sesv2.list_suppressed_destinations()["SuppressedDestinationSummaries"]
    body = {"SuppressedDestination": {**one, "LastUpdateTime": one["LastUpdateTime"].timestamp()}}
    shape = model.operation_model("GetSuppressedDestination").output_shape
    assert _agrees(shape, body)
    assert not _agrees(shape, {"SuppressedDestination": {**one, "LastUpdateTime": "yesterday"}}), "a wrong body is seen to be wrong"
    assert not _agrees(shape, {"SuppressedDestination": {**body["SuppressedDestination"], "Reason": "BORED"}})
    with pytest.raises(sesv2.exceptions.BadRequestException):
        sesv2.put_suppressed_destination(EmailAddress=HANAKO.email, Reason="BORED")
    sesv2.delete_suppressed_destination(EmailAddress=HANAKO.email)
    with pytest.raises(sesv2.exceptions.NotFoundException) as caught:
        sesv2.get_suppressed_destination(EmailAddress=HANAKO.email)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_batch_is_no_proof_that_something_was_there(double: AwsDouble) -> None:
    """A version that is gone is reported as deleted once more, so existence is read before a version counts as `done`."""
    double.plant(HANAKO)
    s3 = double.hand("s3")
    one = s3.list_object_versions(Bucket=DOCUMENTS)["Versions"][0]
    named = {"Objects": [{"Key": one["Key"], "VersionId": one["VersionId"]}]}
    s3.delete_objects(Bucket=DOCUMENTS, Delete=named)
    assert "Errors" not in s3.delete_objects(Bucket=DOCUMENTS, Delete=named)
