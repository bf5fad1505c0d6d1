"""Etsy's API document as JSON schemas. It is Etsy's text, so it is found outside the repository, or not at all."""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest

BESIDE_THE_PROJECT = Path(__file__).parents[3] / "shared" / "reference" / "etsy-openapi.json"


@cache
def document() -> dict[str, Any]:
    """Skips the test where there is no document."""
    path = Path(os.environ.get("ETSY_OPENAPI_JSON") or BESIDE_THE_PROJECT)
    if not path.exists():
        pytest.skip(
            "Etsy's API document is not here: download https://www.etsy.com/openapi/generated/oas/3.0.0.json "
            "and set ETSY_OPENAPI_JSON to its path to check the simulated shop against it."
        )
    return json.loads(path.read_text(encoding="utf-8"))


def operation(operation_id: str) -> tuple[str, dict[str, Any]]:
    """(path, operation) of an operation id."""
    return next(
        (path, item["get"])
        for path, item in document()["paths"].items()
        if item.get("get", {}).get("operationId") == operation_id
    )


def schema_of(operation_id: str, status: int) -> dict[str, Any] | None:
    """The document's schema of an answer, None where it declares no such status."""
    declared = operation(operation_id)[1]["responses"].get(str(status))
    return None if declared is None else declared["content"]["application/json"]["schema"]


def errors_in(body: object, schema: dict[str, Any]) -> list[str]:
    """How a body breaks a schema of the document: wrong types, values out of bounds, fields that it does not know."""
    root = {**as_json_schema(schema), "components": as_json_schema(document()["components"])}
    return [f"{error.json_path}: {error.message}" for error in _strict(root).iter_errors(body)]


def as_json_schema(node: Any) -> Any:
    """OpenAPI 3.0 as JSON schema: `nullable` becomes an alternative, and objects are closed to unknown fields."""
    if isinstance(node, list):
        return [as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    plain = {key: as_json_schema(value) for key, value in node.items() if key != "nullable"}
    if plain.get("type") == "object" and isinstance(plain.get("properties"), dict):
        plain["additionalProperties"] = False
    return {"anyOf": [plain, {"type": "null"}]} if node.get("nullable") is True else plain


def _strict(root: dict[str, Any]) -> jsonschema.protocols.Validator:
    # JSON schema takes 1.0 for an integer; a client in a typed language does not.
    base = jsonschema.Draft7Validator
    types = base.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    return jsonschema.validators.extend(base, type_checker=types)(root)
