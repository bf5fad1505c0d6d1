"""Routes by which tests and `make dev` steer the simulated shop and see what it was asked. Not part of Etsy's API."""

from dataclasses import asdict

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from etsy_assets.demo.api.parameters import parse_integer
from etsy_assets.demo.api.refusals import Refusal
from etsy_assets.demo.api.request_log import RequestLog
from etsy_assets.demo.faults import FaultPlan
from etsy_assets.demo.shop import SimulatedShop

SERVER_NAME = "etsy-assets simulated shop"
_MOST_ADDED = 10_000


def control_routes(shop: SimulatedShop, plan: FaultPlan, log: RequestLog) -> list[Route]:
    async def health(request: Request) -> Response:
        return JSONResponse(
            {"server": SERVER_NAME, "seed": shop.seed, "listings": len(shop.listings()), "faults": plan.level}
        )

    async def requests(request: Request) -> Response:
        return JSONResponse(asdict(log.counts()))

    async def add_listings(request: Request) -> Response:
        try:
            count = parse_integer("count", request.query_params.get("count", "1"), 0, _MOST_ADDED)
        except Refusal as no:
            return JSONResponse({"error": no.message}, no.status)
        ids = await run_in_threadpool(shop.add_listings, count)
        return JSONResponse({"listing_ids": ids}, 201)

    async def remove_listing(request: Request) -> Response:
        try:
            await run_in_threadpool(shop.remove_listing, int(request.path_params["listing_id"]))
        except KeyError:
            return JSONResponse({"error": "Resource not found"}, 404)
        return Response(status_code=204)

    return [
        Route("/_shop/health", health),
        Route("/_shop/requests", requests),
        Route("/_shop/listings", add_listings, methods=["POST"]),
        Route("/_shop/listings/{listing_id:int}", remove_listing, methods=["DELETE"]),
    ]
