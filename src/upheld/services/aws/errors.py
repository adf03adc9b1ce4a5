"""What the operator's error codes mean, and how its client's exceptions become ours."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.parsers import ResponseParserError

from upheld.services.port import ServiceError
from upheld.services.rules import Trouble

_LISTS: Mapping[Trouble, str] = {
    "token": "ExpiredToken ExpiredTokenException RequestExpired TokenRefreshRequired RequestTimeTooSkewed",
    "throttle": (
        "Throttling ThrottlingException ThrottledException RequestThrottled RequestThrottledException SlowDown"
        " TooManyRequestsException ProvisionedThroughputExceededException RequestLimitExceeded BandwidthLimitExceeded"
    ),
    "quota": "LimitExceededException LimitExceeded DailyQuotaExceeded",
    "transient": (
        "InternalError InternalFailure InternalServerError InternalErrorException InternalServiceErrorException"
        " ServiceUnavailable ServiceUnavailableException RequestTimeout RequestTimeoutException OperationAborted"
        " OperationAbortedException TransactionInProgressException ReplicatedWriteConflictException"
    ),
    "absent": "NoSuchKey NoSuchVersion NoSuchUpload UserNotFoundException NotFoundException ReplicationConfigurationNotFoundError",
    "permission": (
        "AccessDenied AccessDeniedException UnauthorizedOperation NotAuthorizedException AllAccessDisabled AccountProblem"
        " InvalidAccessKeyId SignatureDoesNotMatch UnrecognizedClientException InvalidClientTokenId OptInRequired"
        " KMSAccessDeniedException MethodNotAllowed"
    ),
    "tenant": (
        "AliasExistsException UserLambdaValidationException UnexpectedLambdaException InvalidLambdaResponseException"
        " ItemCollectionSizeLimitExceededException InvalidObjectState AccountSuspendedException SendingPausedException"
    ),
    "conflict": (
        "ConditionalCheckFailedException PreconditionFailed ConditionalRequestConflict TransactionConflictException"
        " ConcurrentModificationException InvalidSequenceTokenException"
    ),
    "bug": (
        "ValidationException ValidationError InvalidParameterException InvalidParameterValue InvalidParameter InvalidArgument"
        " InvalidRequest MalformedXML BadRequestException SerializationException MissingParameter UnknownOperationException"
        " NoSuchBucket ResourceNotFoundException TableNotFoundException AuthorizationHeaderMalformed PermanentRedirect"
        " EntityTooLarge KeyTooLongError"
    ),
}
"""Codes of the published lists. A bucket, table, pool or group that is not there is a mistake of the map, never `absent`."""

TROUBLE: Mapping[str, Trouble] = {code: trouble for trouble, codes in _LISTS.items() for code in codes.split()}
_STATUS: Mapping[int, Trouble] = {401: "token", 403: "permission", 404: "absent", 408: "transient", 409: "conflict", 412: "conflict", 429: "throttle"}
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,79}")
_LONGEST = timedelta(hours=1)
"""How long an operator's wish to wait is believed."""


def of_code(code: str, status: int = 0) -> Trouble:
    """Give the class of an error by its code; by the status line only where the answer carried no code at all."""
    if code in TROUBLE:
        return TROUBLE[code]
    if _WORD.fullmatch(code):
        return "unknown"
    return "transient" if status >= 500 else _STATUS.get(status, "unknown")


def of_answer(error: ClientError, now: datetime) -> ServiceError:
    """Make an error of an answer; its own sentence, which may repeat values, is left behind."""
    told = error.response.get("ResponseMetadata", {})
    status = int(told.get("HTTPStatusCode", 0))
    code = str(error.response.get("Error", {}).get("Code", "")).rpartition("#")[2].partition(":")[0]
    trouble = of_code(code, status)
    shown = code if _WORD.fullmatch(code) else f"http_{status}" if trouble != "unknown" else "unknown"
    wait = str(told.get("HTTPHeaders", {}).get("retry-after", ""))
    until = now + min(timedelta(seconds=int(wait)), _LONGEST) if wait.isascii() and wait.isdigit() else None
    return ServiceError(trouble, shown, retry_at=until)


def of_client(error: BotoCoreError | ResponseParserError) -> ServiceError:
    """Make an error of trouble on the way there or back; what the client refused to send is our own mistake."""
    if isinstance(error, ResponseParserError):
        return ServiceError("transient", "answer_unreadable")
    return ServiceError("transient", "no_answer") if isinstance(error, HTTPClientError) else ServiceError("bug", "not_sent")
