"""The facts the emulator serves besides answers: models, endpoints, key, generations.

Each function returns a fresh JSON value in the shape of OpenRouter's schema
(OpenRouter docs, openapi: Model, PublicEndpoint, GenerationResponse, key).
Prices are strings in USD per token, as on the wire.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from .answer import Json
from .wire import Call, extras, native, usage

PARAMETERS = (
    "frequency_penalty include_reasoning max_tokens presence_penalty reasoning repetition_penalty"
    " seed stop temperature tool_choice tools top_k top_p"
).split()
VARIANTS = ("nitro", "floor", "online", "exacto")


def model(
    slug: str,
    name: str,
    prompt: str,
    completion: str,
    *,
    context: int = 1_000_000,
    most: int | None = 40_000,
    created: int = 1_750_118_400,
    reasoning: Json | None = None,
) -> Json:
    """Make one entry of the model list."""
    made: Json = {"id": slug, "canonical_slug": slug, "hugging_face_id": None, "name": name}
    made |= {"created": created, "description": f"{name}.", "context_length": context}
    made["architecture"] = architecture()
    made["pricing"] = pricing(prompt, completion)
    top = {"context_length": context, "max_completion_tokens": most, "is_moderated": False}
    made |= {"top_provider": top, "per_request_limits": None, "default_parameters": None}
    made |= {"supported_parameters": list(PARAMETERS), "supported_voices": None}
    made |= {"knowledge_cutoff": None, "expiration_date": None}
    made["links"] = {"details": f"/api/v1/models/{slug}/endpoints"}
    return made if reasoning is None else made | {"reasoning": reasoning}


def architecture() -> Json:
    """Make the architecture of a text model."""
    made: Json = {"modality": "text->text", "input_modalities": ["text"]}
    return made | {"output_modalities": ["text"], "tokenizer": "Other", "instruct_type": None}


def pricing(prompt: str, completion: str) -> Json:
    """Make a price table."""
    return {"prompt": prompt, "completion": completion, "request": "0", "image": "0"}


def endpoint(listed: Json, provider: str, prompt: str, completion: str) -> Json:
    """Make one endpoint of a model."""
    tag = provider.lower()
    speed = {"p50": 40.0, "p75": 50.0, "p90": 60.0, "p99": 80.0}
    made: Json = {"name": f"{provider} | {listed['id']}", "model_id": listed["id"]}
    made |= {"model_name": listed["name"], "provider_name": provider, "tag": tag}
    made |= {"pricing": pricing(prompt, completion) | {"discount": 0}}
    made |= {"context_length": listed["context_length"], "max_prompt_tokens": None}
    made |= {"max_completion_tokens": listed["top_provider"]["max_completion_tokens"]}
    made |= {"quantization": "unknown", "supported_parameters": listed["supported_parameters"]}
    made |= {"status": 0, "uptime_last_30m": 99.5, "uptime_last_5m": 100.0, "uptime_last_1d": 99.1}
    made |= {"latency_last_30m": {"p50": 900.0, "p75": 1200.0, "p90": 2000.0, "p99": 5000.0}}
    made |= {"throughput_last_30m": speed, "supports_implicit_caching": False}
    made |= {"native_tools": {}, "service_tier": None, "supports_diarization": False}
    choice = dict.fromkeys(("auto", "function", "none", "required"), True)
    return made | {"supports_tool_choice": choice}


def default_models() -> list[Json]:
    """List M1, a successor and a cheap small model."""
    thinking = {"mandatory": True, "default_enabled": True, "supported_efforts": None}
    return [
        model("minimax/minimax-m1", "MiniMax: MiniMax M1", "0.0000004", "0.0000022"),
        model(
            "minimax/minimax-m2.5",
            "MiniMax: MiniMax M2.5",
            "0.0000003",
            "0.0000012",
            context=204_800,
            most=131_072,
            created=1_770_900_000,
            reasoning=thinking,
        ),
        model(
            "openai/gpt-4o-mini",
            "OpenAI: GPT-4o-mini",
            "0.00000015",
            "0.0000006",
            context=128_000,
            most=16_384,
            created=1_721_260_800,
        ),
    ]


def default_endpoints(models: list[Json]) -> dict[str, list[Json]]:
    """Give M1 its two endpoints and every other model one."""
    made = {}
    for one in models:
        maker = "OpenAI" if one["id"].startswith("openai/") else "Minimax"
        price = one["pricing"]
        made[one["id"]] = [endpoint(one, maker, price["prompt"], price["completion"])]
    first = models[0]
    made[first["id"]].append(endpoint(first, "Novita", "0.00000055", "0.0000022"))
    return made


def models_page(models: list[Json]) -> Json:
    """Wrap the model list."""
    return {"data": models, "links": {"next": None}, "total_count": len(models)}


def endpoints_page(listed: Json, endpoints: list[Json]) -> Json:
    """Wrap the endpoints of a model."""
    made: Json = {key: listed[key] for key in ("id", "name", "created", "description")}
    return {"data": made | {"architecture": listed["architecture"], "endpoints": endpoints}}


def nano(price: str) -> int:
    """Turn USD per token into nanodollars per token."""
    return int(Decimal(price) * 10**9)


def prices(
    endpoints: list[Json], provider: str, listed: Json | None
) -> tuple[tuple[int, int], dict[str, int]]:
    """Choose the provider's prices and fees, else the model's, else nothing."""
    matching = [e["pricing"] for e in endpoints if e["provider_name"] == provider]
    table = matching[0] if matching else (listed or {}).get("pricing", pricing("0", "0"))
    fees = {name: nano(table[name]) for name in FEES if name in table}
    return (nano(table["prompt"]), nano(table["completion"])), fees


FEES = ("request", "internal_reasoning", "web_search", "input_cache_read")


def key_info() -> Json:
    """Describe an ordinary key."""
    made: Json = {"label": "sk-or-v1-tes...000", "limit": 10.0, "limit_reset": "monthly"}
    made |= {"limit_remaining": 8.75, "include_byok_in_limit": False}
    made |= {"usage": 1.25, "usage_daily": 0.25}
    made |= {"usage_weekly": 0.75, "usage_monthly": 1.0, "byok_usage": 0, "byok_usage_daily": 0}
    made |= {"byok_usage_weekly": 0, "byok_usage_monthly": 0, "is_free_tier": False}
    made |= {"is_management_key": False, "is_provisioning_key": False, "expires_at": None}
    made |= {"creator_user_id": None, "organization_id": None, "workspace_id": None}
    made |= {"budgets": [], "effective_budget": None, "allowed_data_regions": ["global"]}
    made["rate_limit"] = {"requests": -1, "interval": "10s", "note": "This field is deprecated"}
    made["free_model_daily_requests"] = {"limit": 1000, "remaining": 1000, "used": 0}
    return made


def generation(call: Call, *, cancelled: bool) -> Json:
    """Record a generation, which MiniMax finishes and bills though the client has left.

    A generation that ended in an error costs nothing (page: zero-completion-insurance).
    """
    answer = call.answer
    made = usage(call)
    cost = _cost(call, made)
    now = dt.datetime.fromtimestamp(call.created, dt.UTC)
    record: Json = {"id": call.id, "upstream_id": f"up-{call.id[-20:]}", "total_cost": cost}
    record |= {"usage": cost, "cache_discount": None, "upstream_inference_cost": 0.0}
    record |= {"created_at": now.isoformat(), "model": call.model, "cancelled": cancelled}
    record |= {"provider_name": answer.provider, "streamed": True}
    record |= {"latency": 850.0, "generation_time": 4200.0, "moderation_latency": None}
    failed = answer.mid_error is not None
    finish = "error" if failed else answer.finish
    record |= {"finish_reason": None if cancelled else finish}
    record |= {"native_finish_reason": None if cancelled or failed else native(answer)}
    record |= _counts(made)
    record |= {"is_byok": bool(made.get("is_byok")), "origin": "", "api_type": "completions"}
    record |= dict.fromkeys(NULLS)
    ok: Json = {"provider_name": answer.provider, "status": 502 if failed else 200}
    record |= {"provider_responses": [ok], "data_region": "global", "request_id": None}
    return record | {"session_id": call.body.get("session_id")}


NULLS = (
    "app_id external_user http_referer native_tokens_completion_images num_fetches"
    " num_input_audio_prompt num_media_completion num_media_prompt num_search_results preset_id"
    " router service_tier user_agent web_search_engine workspace_id response_cache_source_id"
).split()


def _cost(call: Call, made: Json) -> float:
    """Tell the price that is finally billed, whatever the stream said."""
    if call.answer.mid_error is not None:
        return 0.0
    cost: Any = made.get("cost")
    if isinstance(cost, int | float) and not isinstance(cost, bool):
        return float(cost)
    counts = [made.get(key) for key in ("prompt_tokens", "completion_tokens")]
    pairs = zip(counts, call.prices, strict=True)
    billed = sum(count * price for count, price in pairs if isinstance(count, int))
    thought = (made.get("completion_tokens_details") or {}).get("reasoning_tokens") or 0
    return (billed + extras(call, call.answer.cached, thought)) / 1e9


def _counts(made: Json) -> Json:
    """Copy the token counts of a usage into a generation's fields."""
    inward: Json = made.get("prompt_tokens_details") or {}
    outward: Json = made.get("completion_tokens_details") or {}
    prompt, written = made.get("prompt_tokens"), made.get("completion_tokens")
    return {
        "tokens_prompt": prompt,
        "tokens_completion": written,
        "native_tokens_prompt": prompt,
        "native_tokens_completion": written,
        "native_tokens_reasoning": outward.get("reasoning_tokens"),
        "native_tokens_cached": inward.get("cached_tokens"),
    }
