"""Engine results: the code, number and sentence that a server says, and the class each is of. Pure.

Numbers and sentences are the wire's own (rippled include/xrpl/protocol/TER.h,
src/libxrpl/protocol/TER.cpp); only those stand here that this sandbox can produce.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "SENTENCES",
    "SUCCESS",
    "is_applied",
    "is_claimed",
    "is_failure",
    "is_local",
    "is_malformed",
    "is_retry",
    "result_number",
    "result_sentence",
]

SUCCESS: Final = "tesSUCCESS"

_QUEUE: Final = "Can not queue at this time: "

SENTENCES: Final[dict[str, tuple[int, str]]] = {
    "telLOCAL_ERROR": (-399, "Local failure."),
    "telINSUF_FEE_P": (-394, "Fee insufficient."),
    "telNO_DST_PARTIAL": (-393, "Partial payment to create account not allowed."),
    "telCAN_NOT_QUEUE": (-392, "Can not queue at this time."),
    "telCAN_NOT_QUEUE_BALANCE": (
        -391,
        _QUEUE + "insufficient balance to pay all queued fees.",
    ),
    "telCAN_NOT_QUEUE_BLOCKS": (-390, _QUEUE + "would block later queued transaction(s)."),
    "telCAN_NOT_QUEUE_BLOCKED": (-389, _QUEUE + "blocking transaction in queue."),
    "telCAN_NOT_QUEUE_FEE": (-388, _QUEUE + "fee insufficient to replace queued transaction."),
    "telCAN_NOT_QUEUE_FULL": (-387, _QUEUE + "queue is full."),
    "telWRONG_NETWORK": (
        -386,
        "Transaction specifies a Network ID that differs from that of the local node.",
    ),
    "telREQUIRES_NETWORK_ID": (
        -385,
        "Transactions submitted to this node/network must include a correct NetworkID field.",
    ),
    "telNETWORK_ID_MAKES_TX_NON_CANONICAL": (
        -384,
        "Transactions submitted to this node/network must NOT include a NetworkID field.",
    ),
    "temMALFORMED": (-299, "Malformed transaction."),
    "temBAD_AMOUNT": (-298, "Malformed: Bad amount."),
    "temBAD_EXPIRATION": (-296, "Malformed: Bad expiration."),
    "temBAD_FEE": (-295, "Invalid fee, negative or not XRP."),
    "temBAD_REGKEY": (-289, "Malformed: Regular key cannot be same as master key."),
    "temBAD_SEND_XRP_LIMIT": (
        -288,
        "Malformed: Limit quality is not allowed for XRP to XRP.",
    ),
    "temBAD_SEND_XRP_MAX": (-287, "Malformed: Send max is not allowed for XRP to XRP."),
    "temBAD_SEND_XRP_NO_DIRECT": (
        -286,
        "Malformed: No Ripple direct is not allowed for XRP to XRP.",
    ),
    "temBAD_SEND_XRP_PARTIAL": (
        -285,
        "Malformed: Partial payment is not allowed for XRP to XRP.",
    ),
    "temBAD_SEND_XRP_PATHS": (-284, "Malformed: Paths are not allowed for XRP to XRP."),
    "temBAD_SIGNATURE": (-282, "Malformed: Bad signature."),
    "temBAD_SRC_ACCOUNT": (-281, "Malformed: Bad source account."),
    "temDST_IS_SRC": (-279, "Destination may not be source."),
    "temDST_NEEDED": (-278, "Destination not specified."),
    "temINVALID": (-277, "The transaction is ill-formed."),
    "temINVALID_FLAG": (-276, "The transaction has an invalid flag."),
    "temREDUNDANT": (-275, "The transaction is redundant."),
    "temDISABLED": (-273, "The transaction requires logic that is currently disabled."),
    "temBAD_SIGNER": (-272, "Malformed: No signer may duplicate account or other signers."),
    "temBAD_QUORUM": (-271, "Malformed: Quorum is unreachable."),
    "temBAD_WEIGHT": (-270, "Malformed: Weight must be a positive value."),
    "temINVALID_ACCOUNT_ID": (-268, "Malformed: A field contains an invalid account ID."),
    "temCANNOT_PREAUTH_SELF": (-267, "Malformed: An account may not preauthorize itself."),
    "temINVALID_COUNT": (-266, "Malformed: Count field outside valid range."),
    "temUNKNOWN": (-264, "The transaction requires logic that is not implemented yet."),
    "temSEQ_AND_TICKET": (
        -263,
        "Transaction contains a TicketSequence and a non-zero Sequence.",
    ),
    "temARRAY_TOO_LARGE": (-252, "Malformed: Array is too large."),
    "tefALREADY": (-198, "The exact transaction was already in this ledger."),
    "tefBAD_AUTH": (-196, "Transaction's public key is not authorized."),
    "tefBAD_LEDGER": (-195, "Ledger in unexpected state."),
    "tefINTERNAL": (-192, "Internal error."),
    "tefPAST_SEQ": (-190, "This sequence number has already passed."),
    "tefWRONG_PRIOR": (-189, "This previous transaction does not match."),
    "tefMASTER_DISABLED": (-188, "Master key is disabled."),
    "tefMAX_LEDGER": (-187, "Ledger sequence too high."),
    "tefBAD_SIGNATURE": (-186, "A signature is provided for a non-signer."),
    "tefBAD_QUORUM": (-185, "Signatures provided do not meet the quorum."),
    "tefNOT_MULTI_SIGNING": (-184, "Account has no appropriate list of multi-signers."),
    "tefNO_TICKET": (-180, "Ticket is not in ledger."),
    "terRETRY": (-99, "Retry transaction."),
    "terINSUF_FEE_B": (-97, "Account balance can't pay fee."),
    "terNO_ACCOUNT": (-96, "The source account does not exist."),
    "terPRE_SEQ": (-92, "Missing/inapplicable prior transaction."),
    "terQUEUED": (-89, "Held until escalated fee drops."),
    "terPRE_TICKET": (-88, "Ticket is not yet in ledger."),
    "terNO_DELEGATE_PERMISSION": (
        -85,
        "Delegated account lacks permission to perform this transaction.",
    ),
    SUCCESS: (0, "The transaction was applied. Only final in a validated ledger."),
    "tecUNFUNDED_PAYMENT": (104, "Insufficient XRP balance to send."),
    "tecDIR_FULL": (121, "Can not add entry to full directory."),
    "tecNO_DST": (124, "Destination does not exist. Send XRP to create it."),
    "tecNO_DST_INSUF_XRP": (
        125,
        "Destination does not exist. Too little XRP sent to create it.",
    ),
    "tecUNFUNDED": (129, "Not enough XRP to satisfy the reserve requirement."),
    "tecNO_ALTERNATIVE_KEY": (
        130,
        "The operation would remove the ability to sign transactions with the account.",
    ),
    "tecOWNERS": (132, "Non-zero owner count."),
    "tecINSUFF_FEE": (136, "Insufficient balance to pay fee."),
    "tecNO_TARGET": (138, "Target account does not exist."),
    "tecNO_PERMISSION": (139, "No permission to perform requested operation."),
    "tecNO_ENTRY": (140, "No matching entry found."),
    "tecINSUFFICIENT_RESERVE": (
        141,
        "Insufficient reserve to complete requested operation.",
    ),
    "tecNEED_MASTER_KEY": (142, "The operation requires the use of the Master Key."),
    "tecDST_TAG_NEEDED": (143, "A destination tag is required."),
    "tecINTERNAL": (144, "An internal error has occurred during processing."),
    "tecEXPIRED": (148, "Expiration time is passed."),
    "tecDUPLICATE": (149, "Ledger object already exists."),
    "tecBAD_CREDENTIALS": (193, "Bad credentials."),
    "tecNO_DELEGATE_PERMISSION": (
        198,
        "Delegated account lacks permission to perform this transaction.",
    ),
}


_MADE_UP: Final = (-1, "No result that this server knows.")


def result_number(result: str) -> int:
    """Return the number that goes with a code; -1 with one that only a lie has."""
    return SENTENCES.get(result, _MADE_UP)[0]


def result_sentence(result: str) -> str:
    """Return the sentence that goes with a code."""
    return SENTENCES.get(result, _MADE_UP)[1]


def is_claimed(result: str) -> bool:
    """Return whether the transaction failed and yet pays its fee and uses its seat (``tec``)."""
    return result.startswith("tec")


def is_applied(result: str) -> bool:
    """Return whether a transaction with this result goes into a ledger."""
    return result == SUCCESS or is_claimed(result)


def is_malformed(result: str) -> bool:
    """Return whether the transaction can never succeed as it is (``tem``)."""
    return result.startswith("tem")


def is_local(result: str) -> bool:
    """Return whether only this server refuses (``tel``)."""
    return result.startswith("tel")


def is_failure(result: str) -> bool:
    """Return whether the ledger's state forbids the transaction (``tef``)."""
    return result.startswith("tef")


def is_retry(result: str) -> bool:
    """Return whether it may succeed after another one (``ter``)."""
    return result.startswith("ter")
