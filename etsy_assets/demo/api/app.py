"""The simulated shop as one ASGI application: the API with keys, limits and faults, the CDN, and the control routes."""

import asyncio
import json
import logging
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from etsy_assets.demo.api.access import DEMO_KEYSTRING, DEMO_SHARED_SECRET, Quota, key_refusal
from etsy_assets.demo.api.cdn import CDN_PATH, cdn_endpoint
from etsy_assets.demo.api.control import control_routes
from etsy_assets.demo.api.operations import OPERATIONS, Call, Operations
from etsy_assets.demo.api.parameters import Parameters
from etsy_assets.demo.api.refusals import Refusal
from etsy_assets.demo.api.request_log import RequestLog
from etsy_assets.demo.api.spoiled_answers import JsonObject
from etsy_assets.demo.api.troubles import Troubles, api_answer
from etsy_assets.demo.faults import FaultPlan
from etsy_assets.demo.shop import SimulatedShop

logger = logging.getLogger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]


@dataclass(slots=True)
class Site:
    """What the application serves, and what it has seen. Only the demo key is accepted, so it has the one quota."""

    shop: SimulatedShop
    plan: FaultPlan
    quota: Quota
    log: RequestLog = field(default_factory=RequestLog)
    keys: frozenset[str] = frozenset({f"{DEMO_KEYSTRING}:{DEMO_SHARED_SECRET}"})


def build_app(site: Site) -> Starlette:
    """The application of one site."""
    operations = Operations(site.shop, site.plan)
    troubles = Troubles(site.plan)
    routes = [
        Route(path, _api_endpoint(site, troubles, operation_id, lambda call, h=handler: h(operations, call)))  # type: ignore[misc]
        for operation_id, path, handler in OPERATIONS
    ]
    return Starlette(
        routes=[
            *routes,
            *control_routes(site.shop, site.plan, site.log),
            Route(CDN_PATH, cdn_endpoint(site.shop, site.plan, troubles, site.log)),
        ],
        exception_handlers={HTTPException: _unknown_route, Exception: _own_mistake},
    )


def _api_endpoint(site: Site, troubles: Troubles, operation_id: str, handler: Callable[[Call], JsonObject]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        site.log.operation(operation_id)
        response = await answer(request)
        response.headers["x-etsy-request-uuid"] = str(uuid.uuid4())
        site.log.status(response.status_code)
        return response

    async def answer(request: Request) -> Response:
        refusal = key_refusal(request.headers.get("x-api-key"), site.keys)
        if refusal is not None:
            return JSONResponse({"error": refusal}, 403)
        verdict = site.quota.spend()
        if verdict.refusal is not None:
            return JSONResponse({"error": verdict.refusal}, 429, verdict.headers)
        fault = troubles.next("api", f"{request.url.path}?{request.url.query}")
        if fault == "slow":
            await asyncio.sleep(site.plan.slow_seconds)
        elif fault is not None:
            return api_answer(fault, verdict.headers)
        call = Call(Parameters(request.query_params), request.path_params, str(request.base_url).rstrip("/"))
        try:
            body = handler(call)
        except Refusal as no:
            return JSONResponse({"error": no.message}, no.status, verdict.headers)
        # ASCII only: a spoiled text may hold half a surrogate pair, which has no UTF-8.
        return Response(json.dumps(body), 200, verdict.headers, "application/json")

    return endpoint


async def _unknown_route(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    return JSONResponse({"error": "Resource not found" if status == 404 else "Method not allowed"}, status)


async def _own_mistake(request: Request, error: Exception) -> Response:
    logger.error("The simulated shop failed on %s %s", request.method, request.url.path, exc_info=error)
    return JSONResponse({"error": "Server Error"}, 500)
