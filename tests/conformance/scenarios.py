"""The scenarios by name. Each is played on a ledger of its own, by people of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from tests.conformance import api, authority, closing, crowds, lifecycle, refusals, timing
from tests.conformance.stage import Stage
from watchtower.sandbox.fee_levels import QueueSettings
from watchtower.sandbox.rules import DEFAULT_AMENDMENTS, Rules

__all__ = ["SCENARIOS", "Scenario"]


_DEFAULT: Final = Rules()
_DEFAULT_QUEUE: Final = QueueSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A scenario, and the rules and the queue of the ledger that it is played on."""

    play: Callable[[Stage], Awaitable[None]]
    rules: Rules = _DEFAULT
    queue: QueueSettings = _DEFAULT_QUEUE


_DELEGATION: Final = Rules(
    amendments=DEFAULT_AMENDMENTS | {"PermissionDelegation", "fixDelegateV1_1"}
)

_SMALL_LEDGERS: Final = QueueSettings(
    minimum_txn_in_ledger=10,
    target_txn_in_ledger=20,
    maximum_txn_in_ledger=30,
    maximum_txn_per_account=10,
)
"""What the recording server of ``fee_escalation_and_queue`` had in ``[transaction_queue]``."""

SCENARIOS: Final = {
    "lifecycle_secp256k1": Scenario(play=lifecycle.lifecycle_secp256k1),
    "lifecycle_ed25519": Scenario(play=lifecycle.lifecycle_ed25519),
    "lifecycle_api_v1": Scenario(play=lifecycle.lifecycle_api_v1),
    "promised_more_than_the_channel_holds": Scenario(
        play=lifecycle.promised_more_than_the_channel_holds
    ),
    "refund_by_redeeming_less": Scenario(play=lifecycle.refund_by_redeeming_less),
    "stale_claim_and_close_by_source": Scenario(play=closing.stale_claim_and_close_by_source),
    "closed_by_destination_with_stale_claim": Scenario(
        play=closing.closed_by_destination_with_stale_claim
    ),
    "close_requested_again_and_again": Scenario(play=closing.close_requested_again_and_again),
    "cancel_after_passes": Scenario(play=timing.cancel_after_passes),
    "settle_delay_wraps": Scenario(play=timing.settle_delay_wraps),
    "the_last_second": Scenario(play=timing.the_last_second),
    "every_refusal": Scenario(play=refusals.every_refusal),
    "signature_edges": Scenario(play=refusals.signature_edges),
    "deposit_auth_and_disallow": Scenario(play=refusals.deposit_auth_and_disallow),
    "tickets_and_presigned": Scenario(play=authority.tickets_and_presigned),
    "regular_key_and_multisign": Scenario(play=authority.regular_key_and_multisign),
    "delegated_claim": Scenario(play=authority.delegated_claim, rules=_DELEGATION),
    "fee_escalation_and_queue": Scenario(
        play=crowds.fee_escalation_and_queue, queue=_SMALL_LEDGERS
    ),
    "many_close_at_once": Scenario(play=crowds.many_close_at_once),
    "all_streams_at_once": Scenario(play=api.all_streams_at_once),
    "errors_of_the_api": Scenario(play=api.errors_of_the_api),
}
"""Every recording but ``public_server_pushes_back``, which depends on real time."""
