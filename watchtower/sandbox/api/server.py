"""``server_info``, ``server_state``, ``fee``, ``ping``, ``version``: how the server is.

Follows rippled src/xrpld/app/misc/NetworkOPs.cpp (getServerInfo) and TxQ.cpp (doRPC).
"""

from __future__ import annotations

from typing import Any, Final

from watchtower.sandbox.api.request import Answer, Request
from watchtower.sandbox.api.shapes import long_time

__all__ = ["fee", "ping", "server_info", "server_state", "version"]

_BUILD: Final = "3.1.1"
_REFERENCE_LEVEL: Final = 256
_DROPS: Final = 1_000_000
_BLOCKED: Final = (
    "This server is amendment blocked, and must be updated to be able to stay in sync with the "
    "network."
)
_STATES: Final = ("connected", "disconnected", "full", "syncing", "tracking")


def ping(_request: Request) -> Answer:
    """Answer."""
    return {}


def version(_request: Request) -> Answer:
    """Say which API versions there are."""
    return {"version": {"first": 1, "good": 1, "last": 2}}


def server_info(request: Request) -> Answer:
    """Tell people how the server is: XRP instead of drops, an age instead of a time."""
    ledger, rules = request.node.validated, request.node.rules
    info = _facts(request)
    info["load_factor"] = 1
    info["time"] = long_time(request.node.now()).replace(".000000000", ".000000")
    info["validated_ledger"] = {
        "age": max(0, request.node.now() - ledger.close_time),
        "base_fee_xrp": _xrp(rules.base_fee),
        "hash": ledger.hash,
        "reserve_base_xrp": _xrp(rules.reserve_base),
        "reserve_inc_xrp": _xrp(rules.reserve_increment),
        "seq": ledger.index,
    }
    return {"info": info}


def server_state(request: Request) -> Answer:
    """Tell programs how the server is."""
    ledger, rules = request.node.validated, request.node.rules
    state = _facts(request)
    state["load_base"] = _REFERENCE_LEVEL
    state["load_factor"] = _REFERENCE_LEVEL
    state["load_factor_fee_queue"] = _REFERENCE_LEVEL
    state["load_factor_fee_reference"] = _REFERENCE_LEVEL
    state["load_factor_server"] = _REFERENCE_LEVEL
    state["time"] = long_time(request.node.now()).replace(".000000000", ".000000")
    state["validated_ledger"] = {
        "base_fee": rules.base_fee,
        "close_time": ledger.close_time,
        "hash": ledger.hash,
        "reserve_base": rules.reserve_base,
        "reserve_inc": rules.reserve_increment,
        "seq": ledger.index,
    }
    return {"state": state}


def _facts(request: Request) -> dict[str, Any]:
    """Return what both tell; a lone server has no peers, and is full from the start."""
    node = request.node
    running = node.now() - node.started
    in_state = {name: {"duration_us": "0", "transitions": "0"} for name in _STATES}
    # A server that amendments block goes no higher than connected (NetworkOPs.cpp, setMode).
    is_blocked = node.misbehaviour.amendment_blocked
    state = "connected" if is_blocked else "full"
    in_state[state] = {"duration_us": str(running * 1_000_000), "transitions": "1"}
    facts: dict[str, Any] = {
        "build_version": _BUILD,
        "complete_ledgers": node.complete,
        "hostid": "SAND",
        "initial_sync_duration_us": "0",
        "io_latency_ms": 1,
        "jq_trans_overflow": "0",
        "last_close": {"converge_time_s": 0.1, "proposers": 0},
        "peer_disconnects": "0",
        "peer_disconnects_resources": "0",
        "peers": 0,
        "ports": [],
        "pubkey_node": "",
        "server_state": state,
        "server_state_duration_us": in_state[state]["duration_us"],
        "state_accounting": in_state,
        "uptime": running,
        "validation_quorum": 0,
    }
    if is_blocked:
        facts["amendment_blocked"] = True
        facts["warnings"] = [{"id": 1002, "message": _BLOCKED}]
    if node.network_id:
        facts["network_id"] = node.network_id
    return facts


def _xrp(drops: int) -> int | float:
    whole, rest = divmod(drops, _DROPS)
    return drops / _DROPS if rest else whole


def fee(request: Request) -> Answer:
    """Tell what a transaction costs now."""
    price = request.node.price()
    full = {} if price.max_queue_size is None else {"max_queue_size": str(price.max_queue_size)}
    return {
        "current_ledger_size": str(price.ledger_size),
        "current_queue_size": str(price.queue_size),
        "drops": {
            "base_fee": str(price.base_fee),
            "median_fee": str(price.drops(price.median_level)),
            "minimum_fee": str(price.drops(price.minimum_level)),
            "open_ledger_fee": str(price.open_ledger_fee),
        },
        "expected_ledger_size": str(price.expected_size),
        "ledger_current_index": request.node.open_index,
        "levels": {
            "median_level": str(price.median_level),
            "minimum_level": str(price.minimum_level),
            "open_ledger_level": str(price.open_ledger_level),
            "reference_level": str(_REFERENCE_LEVEL),
        },
        **full,
    }
