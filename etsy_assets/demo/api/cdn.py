"""The simulated image CDN: photos under the anatomy of real image URLs, in every size."""

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from etsy_assets.demo.api.request_log import RequestLog
from etsy_assets.demo.api.spoiled_images import ImageAnswer, broken, reshaped
from etsy_assets.demo.api.troubles import Troubles, cdn_answer
from etsy_assets.demo.faults import FaultPlan
from etsy_assets.demo.photo_facts import PhotoFacts
from etsy_assets.demo.photos import is_size
from etsy_assets.demo.shop import SimulatedShop

CDN_PATH = "/{shop_id}/r/il/{hex}/{image_id}/{name}"
_NAME = re.compile(r"il_([0-9a-zA-Z]+)\.\d+_[0-9a-z]+\.jpg")


def cdn_endpoint(
    shop: SimulatedShop, plan: FaultPlan, troubles: Troubles, log: RequestLog
) -> Callable[[Request], Awaitable[Response]]:
    """Serves GET and HEAD of an image; 404 unless every part of the path is that of the image."""

    async def endpoint(request: Request) -> Response:
        response = await answer(request)
        log.status(response.status_code)
        return response

    async def answer(request: Request) -> Response:
        found = _photo_at(shop, request.url.path, request.path_params)
        if found is None:
            return _response(broken("not_found", b""))
        photo, size = found
        if request.method == "GET":
            log.image(photo.image_id)
        fault = troubles.next("cdn", request.url.path)
        if fault == "slow":
            await asyncio.sleep(plan.slow_seconds)
        # Rendering takes tenths of a second: not on the event loop.
        image = await run_in_threadpool(_image_answer, shop, plan, photo, size)
        if fault is not None and fault != "slow":
            return cdn_answer(fault, image.body if image.status == 200 else b"")
        response = _response(image)
        if request.headers.get("if-none-match") == response.headers.get("etag", ""):
            return Response(status_code=304, headers={"etag": response.headers["etag"]})
        return response

    return endpoint


def _photo_at(shop: SimulatedShop, path: str, parts: dict[str, str]) -> tuple[PhotoFacts, str] | None:
    """The photo and the size that a path names, None unless all of it is right."""
    name = _NAME.fullmatch(parts["name"])
    image_id = parts["image_id"]
    photo = shop.photo_facts(int(image_id)) if image_id.isascii() and image_id.isdecimal() else None
    if name is None or photo is None or not is_size(name[1]) or path != photo.path(name[1]):
        return None
    return photo, name[1]


def _image_answer(shop: SimulatedShop, plan: FaultPlan, photo: PhotoFacts, size: str) -> ImageAnswer:
    fault, form = plan.image_fault(photo), plan.odd_format(photo)
    # A missing image need not be rendered to be missing.
    if fault == "not_found":
        return broken(fault, b"")
    try:
        jpeg = shop.jpeg(photo.image_id, size)
    except KeyError:  # removed since the request came
        return broken("not_found", b"")
    if fault is not None:
        return broken(fault, jpeg)
    return ImageAnswer(200, "image/jpeg", jpeg) if form is None else reshaped(form, jpeg)


def _response(answer: ImageAnswer) -> Response:
    headers = {"cache-control": "public, max-age=31536000, immutable"} if answer.status == 200 else {}
    if answer.status == 200:
        headers["etag"] = f'"{hashlib.sha256(answer.body).hexdigest()[:32]}"'
    return Response(answer.body, answer.status, headers, answer.content_type)
