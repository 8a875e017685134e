"""The amendments that this version was written with, and which of a network's it does not know.

An amendment may change how channels end, what a transaction may hold or what it costs, and one
that came behind this release was looked at by nobody who wrote it. So it is told, before it is
enabled where that can be: nothing is judged otherwise by it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from watchtower.judgement.rules import amendment_id
from watchtower.ledger.events import AmendmentsRead
from watchtower.units import RippleTime

__all__ = ["UnknownAmendment", "is_known", "unknown_in"]

_KNOWN: Final = """
fixPseudoAccountOwnership fixCleanup3_4_0 Sponsor BatchV1_1 LendingProtocolV1_1 ConfidentialTransfer
fixCleanup3_3_0 fixCleanup3_2_0 fixCleanup3_1_3 LendingProtocol PermissionDelegationV1_1
fixDirectoryLimit fixIncludeKeyletFields DynamicMPT fixTokenEscrowV1 fixPriceOracleOrder
fixMPTDeliveredAmount fixAMMClawbackRounding TokenEscrow fixEnforceNFTokenTrustlineV2 fixAMMv1_3
PermissionedDEX SingleAssetVault fixPayChanCancelAfter fixInvalidTxFlags fixFrozenLPTokenTransfer
DeepFreeze PermissionedDomains DynamicNFT Credentials AMMClawback fixAMMv1_2 MPTokensV1
fixNFTokenPageLinks fixInnerObjTemplate2 fixEnforceNFTokenTrustline fixReducedOffersV2
NFTokenMintOffer fixAMMv1_1 fixPreviousTxnID fixXChainRewardRounding fixEmptyDID PriceOracle
fixFillOrKill DID XChainBridge AMM XRPFees fixRemoveNFTokenAutoTrustLine

fix1201 fix1368 fix1373 fix1512 fix1513 fix1515 fix1523 fix1528 fix1543 fix1571 fix1578 fix1623
fix1781 fixAmendmentMajorityCalc fixAMMOverflowOffer fixCheckThreading fixDisallowIncomingV1
fixInnerObjTemplate fixMasterKeyAsRegularKey fixNonFungibleTokensV1_2 fixNFTokenRemint
fixNFTokenReserve fixPayChanRecipientOwnerDir fixQualityUpperBound fixReducedOffersV1
fixRmSmallIncreasedQOffers fixSTAmountCanonicalize fixTakerDryOfferRemoval fixTrustLinesToSelf
fixUniversalNumber Checks CheckCashMakesTrustLine Clawback CryptoConditions CryptoConditionsSuite
DeletableAccounts DepositAuth DepositPreauth DisallowIncoming Escrow EnforceInvariants
ExpandedSignerList FeeEscalation Flow FlowCross FlowSortStrands HardenedValidations
ImmediateOfferKilled MultiSign MultiSignReserve NegativeUNL NonFungibleTokensV1_1 PayChan
RequireFullyCanonicalSig SortedDirectories TicketBatch TickSize TrustSetAuth

Batch PermissionDelegation fixDelegateV1_1 fixBatchV1_2 NonFungibleTokensV1 fixNFTokenDirV1
fixNFTokenNegOffer
"""
"""Supported and retired ones (rippled include/xrpl/protocol/detail/features.macro, 003141ae, behind
3.4.1); and last those that other releases have or had: the macro of 3.1.1 (c5988233d) and of 2.5
(e3dd12f6), and fixBatchV1_2, which mainnet enabled in ledger 107540481."""

_UNFINISHED: Final = "InvariantsV1_1 LendingProtocolV1_2 MPTokensV2 OwnerPaysFee"
"""Named in those files, and not supported by any of them: their names are known, and no more."""

_IDS: Final = {amendment_id(name): name for name in (*_KNOWN.split(), *_UNFINISHED.split())}
_KNOWN_IDS: Final = frozenset(map(amendment_id, _KNOWN.split()))

_HELD_FOR: Final = 14 * 86_400
"""Seconds for which an amendment has to hold its majority (rippled
include/xrpl/protocol/SystemParameters.h, defaultAmendmentMajorityTime)."""


class UnknownAmendment(NamedTuple):
    """An amendment that this version does not know, by its id, and its name if that was known.

    ``enabled_at`` is the ledger time from which it may be enabled; None if it is.
    """

    amendment: str
    name: str | None
    enabled_at: RippleTime | None


def is_known(amendment: str) -> bool:
    """Return whether this version was written with the amendment of that id."""
    return amendment in _KNOWN_IDS


def unknown_in(read: AmendmentsRead) -> list[UnknownAmendment] | None:
    """Return what a network has, or will have, that is not known here: what is enabled first.

    None where servers contradict each other, so that nobody can tell.
    """
    if read.enabled is None:
        return None
    return [*_enabled(read.enabled), *_coming(read)]


def _enabled(enabled: frozenset[str]) -> Iterator[UnknownAmendment]:
    for amendment in sorted(enabled - _KNOWN_IDS):
        yield UnknownAmendment(amendment, _IDS.get(amendment), None)


def _coming(read: AmendmentsRead) -> Iterator[UnknownAmendment]:
    """Yield those that have a majority, the first to come first."""
    for amendment, since in sorted(read.majorities, key=lambda one: (one[1], one[0])):
        if not is_known(amendment) and amendment not in (read.enabled or ()):
            at = RippleTime(since + _HELD_FOR)
            yield UnknownAmendment(amendment, _IDS.get(amendment), at)
