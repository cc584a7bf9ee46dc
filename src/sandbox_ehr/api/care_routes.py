"""Orders, referrals, and referring providers over JSON."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox_ehr.api.bearer_session import require_session
from sandbox_ehr.api.chart_work import read_chart
from sandbox_ehr.api.resources import creates, lists, reads
from sandbox_ehr.clinic import referrals, referring_providers
from sandbox_ehr.clinic.orders import ORDER, OrderQuery
from sandbox_ehr.clinic.referrals import REFERRAL, NewReferral, ReferralQuery
from sandbox_ehr.clinic.referring_providers import REFERRING_PROVIDER, NewReferringProvider, ReferringProviderQuery
from sandbox_ehr.requests import query_parameters
from sandbox_ehr.responses import json_response


async def referring_provider_list(request: Request) -> Response:
    session = await require_session(request, "referrals.read")
    query = query_parameters(request, ReferringProviderQuery)
    total, page = await read_chart(request, session, referring_providers.find, query)
    return json_response({"referring_providers": page, "total": total, "offset": query.offset, "limit": query.limit})


routes = [
    lists("orders.read", ORDER, OrderQuery),
    reads("orders.read", ORDER),
    lists("referrals.read", REFERRAL, ReferralQuery),
    reads("referrals.read", REFERRAL),
    creates("referrals.write", "/api/referrals", "referral", NewReferral, referrals.create),
    Route("/api/referring-providers", referring_provider_list, methods=["GET"]),
    reads("referrals.read", REFERRING_PROVIDER),
    creates(
        "referrals.write",
        "/api/referring-providers",
        "referring_provider",
        NewReferringProvider,
        referring_providers.create,
    ),
]
