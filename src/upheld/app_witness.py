"""The witness as a service of its own: one door, `POST /add-checkpoint`, on a host that the company does not run."""

from __future__ import annotations

from litestar import Litestar, MediaType, Response, post

from upheld.ledger.witness import Witness, WitnessRefusal
from upheld.web.pages import AnyRequest

_LARGEST = 64 * 1024


def witness_app(witness: Witness) -> Litestar:
    """Build the application; it answers in the words of C2SP tlog-witness and knows no page."""

    @post("/add-checkpoint", status_code=200, media_type=MediaType.TEXT, include_in_schema=False)
    async def add_checkpoint(request: AnyRequest) -> Response[str]:
        """Cosign a checkpoint that continues the last one seen; 409 tells the size that was."""
        try:
            line = witness.add_checkpoint((await request.body()).decode("utf-8"))
        except UnicodeDecodeError:
            return Response("the request is no text\n", status_code=400, media_type=MediaType.TEXT)
        except WitnessRefusal as refusal:
            if refusal.size is not None:
                return Response(f"{refusal.size}\n", status_code=409, media_type="text/x.tlog.size")
            return Response(f"{refusal}\n", status_code=refusal.status, media_type=MediaType.TEXT)
        return Response(line, media_type=MediaType.TEXT)

    return Litestar([add_checkpoint], openapi_config=None, request_max_body_size=_LARGEST)
