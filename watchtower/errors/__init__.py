"""Every exception the watchtower raises on purpose, in one tree.

By where it came from, and so by what the caller may do::

    WatchtowerError                       exit code 1, never raised itself
    ├── InputError                        the caller said something wrong: correct it
    │   ├── AddressError            10    not an address, or a bad checksum
    │   ├── AmountError             11    not an amount
    │   ├── ChannelIdError          12    not a channel id
    │   ├── PublicKeyError          13    not a public key of a channel
    │   ├── SeedError               14    not a family seed, or of another account
    │   ├── ClaimFormatError        15    not a claim
    │   ├── ConfigError             16    the configuration cannot be used
    │   ├── TicketPoolError         17    an account cannot hold the tickets it is to have
    │   ├── ListenError             18    nobody can listen where the configuration says
    │   ├── ResumeError             19    the file has changed since it was imported in part
    │   ├── SignerRunsError         49    another signer runs on this store, or at this socket
    │   ├── CosignFormatError       59    not a request for signatures, or not an answer to one
    │   ├── BundleError             90    not a bundle of presigned claims, or not for us
    │   ├── PresignError            91    what was to be signed ahead cannot be
    │   └── DeclinedError          101    a question was answered with no
    ├── StoreError                        what we remember cannot be read or written
    │   ├── StoreMissingError       20    there is no store yet
    │   ├── StoreExistsError        21    there is one already
    │   ├── PassphraseError         22    the passphrase does not open it
    │   ├── PassphraseMissingError  23    nobody gave a passphrase
    │   ├── StoreTamperedError      24    a record fails its seal
    │   ├── StoreDamagedError       25    the file is truncated or no database
    │   ├── StoreNetworkError       26    the store belongs to another network
    │   ├── StoreVersionError       27    written by a newer watchtower
    │   ├── StoreFullError          28    no space left, or the disk refuses to write
    │   ├── StoreBusyError          29    another process holds it: try again
    │   ├── StoreRekeyedError       76    it got another master key meanwhile: start again
    │   ├── StoreRekeyingError      96    it is being given another master key: wait for that
    │   ├── WayInError              77    what opens it is not at hand, or another one
    │   ├── HeadTroubleError        78    a head speaks against it: it may have been put back
    │   ├── StoreNeedsHsmError      87    a key in an HSM opens it, and is not at hand
    │   ├── StoreReadOnlyError      94    it may not be written (a StoreFullError too)
    │   └── StoreRoomError          95    what is left is for redeeming (a StoreFullError too)
    ├── BackupError                       a backup cannot be made, read or believed
    │   ├── BackupBaseNeededError   89    an increment was asked for, a base is needed
    │   ├── BackupDamagedError      92    a backup is not as it was made, or not whole
    │   └── BackupKeyError          93    there is no key for backups, or not the right one
    ├── LedgerError                       the other side lied, is stale, or out of reach
    │   ├── UnreachableError        30    no server answers: retry
    │   ├── RequestTimeoutError     31    a server did not answer in time: retry elsewhere
    │   ├── RequestRefusedError     32    a server answered with an error
    │   ├── HistoryMissingError     33    no server has the ledgers we missed
    │   ├── WrongNetworkError       34    a server of another network
    │   ├── AnswerError             35    an answer that makes no sense
    │   ├── DelegationRefusedError  36    the ledger would not take it, and nothing was sent
    │   └── DelegationUnprovenError 37    sent, and not seen to come about
    ├── ClaimError                        a claim was not kept: it leaves everything as it was
    │   ├── ClaimSignatureError     40    the signature is not the channel key's
    │   ├── ClaimUnknownChannelError 41   no such channel
    │   ├── ClaimDestinationError   42    the channel pays somebody else
    │   ├── ClaimNotAboveError      43    not above the best claim
    │   ├── ClaimKeyError           44    the channel has another key
    │   ├── DoorClosedError         45    the tower is stopping: knock again
    │   ├── ClaimKeyUnknownError    46    no key is named, and none known yet: hand it over again
    │   └── ClaimPendingFullError   47    too many claims wait for their channels: knock again
    ├── SigningError                      the signer will not sign
    │   ├── SignerCapError          48    a signer apart signs nothing more now, by its caps
    │   ├── KeyMissingError         50    no key for this account
    │   ├── SigningRefusedError     51    outside what keys may sign
    │   ├── MasterKeyIdleError      52    a master key that was not allowed to sign
    │   ├── NoRightError            53    nothing is configured to sign for this account
    │   ├── FeeMoneyError           54    whoever pays its fees cannot
    │   ├── SignerUnfitError        57    every server refuses who signed
    │   ├── QuorumMissingError      58    too few of a signer list signed: try again
    │   ├── SignerUnreachableError  88    the signer apart does not answer: try again
    │   └── HsmError                      an HSM does not give what is asked of it
    │       ├── HsmAbsentError      80    no such token, or no way to it
    │       ├── HsmPinError         81    the token was not opened: no PIN is tried twice
    │       ├── HsmMechanismError   82    the token cannot do that
    │       ├── HsmKeyMissingError  83    no usable key of that label
    │       ├── HsmKeyForeignError  84    the key of another account
    │       ├── HsmFailedError      85    it did not do it, also not in a new session
    │       └── HsmKeyExistsError   86    there is a key of that label
    ├── ReceiptError                      a receipt, or a proof, proves nothing
    │   ├── ReceiptFormatError      55    not a receipt
    │   ├── ReceiptVoidError        56    not what the tower signed
    │   └── ProofVoidError          79    no line of its journal
    ├── ClientError                       a platform's client could not hand over or ask
    │   ├── TowerUnreachableError   60    the tower did not answer: try again
    │   ├── TowerRefusedError       61    the tower refuses the request itself
    │   └── ClientFileError         62    the queue or the till cannot be used
    ├── AccessError                       who may come in
    │   ├── CertificateError        64    a certificate, key or authority cannot be used
    │   ├── NoTokenError            65    open beyond this machine, and no token is good
    │   ├── TokenExistsError        66    a token of that name is there
    │   ├── TokenUnknownError       67    no token of that name
    │   ├── TokenLimitError         68    too many tokens
    │   └── TokenFormatError        69    no name, quota or expiry of a token
    ├── DrillError                        a drill did not show that a close is answered
    │   ├── DrillFailedError        99    the canary was not paid in time
    │   └── DrillRefusedError      100    something is in the way; nothing was spent
    ├── AlertNotToldError       97    a test alarm did not arrive, or there is no route
    ├── TowerUnwellError        98        the doctor found something that would fail
    ├── LookStoppedError        103       a single look was asked to stop before it was done
    └── CustodyError                      keys cannot be made, kept, changed or removed so
        ├── MnemonicError           71    not a mnemonic
        ├── DerivationPathError     72    a path outside the tree
        ├── KeyThereError           73    the account has a key that signs
        ├── KeyNeededError          74    the key is still needed
        └── RotationError           75    a rotation cannot begin, or not go on

An exception carries its sentence as a template and its exit code; it is raised with the facts by
name and says what happened and what to do. Expected refusals inside the core are values, not
exceptions; an exception is for a caller that has to act differently.
"""

from __future__ import annotations

from watchtower.errors.access import (
    AccessError,
    CertificateError,
    NoTokenError,
    TokenExistsError,
    TokenFormatError,
    TokenLimitError,
    TokenUnknownError,
)
from watchtower.errors.alerts import AlertNotToldError
from watchtower.errors.backup import (
    BackupBaseNeededError,
    BackupDamagedError,
    BackupError,
    BackupKeyError,
)
from watchtower.errors.claim import (
    ClaimDestinationError,
    ClaimError,
    ClaimKeyError,
    ClaimKeyUnknownError,
    ClaimNotAboveError,
    ClaimPendingFullError,
    ClaimSignatureError,
    ClaimUnknownChannelError,
    DoorClosedError,
)
from watchtower.errors.client import (
    ClientError,
    ClientFileError,
    TowerRefusedError,
    TowerUnreachableError,
)
from watchtower.errors.custody import (
    CustodyError,
    DerivationPathError,
    KeyNeededError,
    KeyThereError,
    MnemonicError,
    RotationError,
)
from watchtower.errors.drill import DrillError, DrillFailedError, DrillRefusedError
from watchtower.errors.health import LookStoppedError, TowerUnwellError
from watchtower.errors.hsm import (
    HsmAbsentError,
    HsmError,
    HsmFailedError,
    HsmKeyExistsError,
    HsmKeyForeignError,
    HsmKeyMissingError,
    HsmMechanismError,
    HsmPinError,
)
from watchtower.errors.input import (
    AddressError,
    AmountError,
    BundleError,
    ChannelIdError,
    ClaimFormatError,
    ConfigError,
    CosignFormatError,
    DeclinedError,
    InputError,
    ListenError,
    PresignError,
    PublicKeyError,
    ResumeError,
    SeedError,
    SignerRunsError,
    TicketPoolError,
)
from watchtower.errors.ledger import (
    AnswerError,
    DelegationRefusedError,
    DelegationUnprovenError,
    HistoryMissingError,
    LedgerError,
    RequestRefusedError,
    RequestTimeoutError,
    UnreachableError,
    WrongNetworkError,
)
from watchtower.errors.receipt import (
    ProofVoidError,
    ReceiptError,
    ReceiptFormatError,
    ReceiptVoidError,
)
from watchtower.errors.root import WatchtowerError
from watchtower.errors.signing import (
    FeeMoneyError,
    KeyMissingError,
    MasterKeyIdleError,
    NoRightError,
    QuorumMissingError,
    SignerCapError,
    SignerUnfitError,
    SignerUnreachableError,
    SigningError,
    SigningRefusedError,
)
from watchtower.errors.store import (
    HeadTroubleError,
    PassphraseError,
    PassphraseMissingError,
    StoreBusyError,
    StoreDamagedError,
    StoreError,
    StoreExistsError,
    StoreFullError,
    StoreMissingError,
    StoreNeedsHsmError,
    StoreNetworkError,
    StoreReadOnlyError,
    StoreRekeyedError,
    StoreRekeyingError,
    StoreRoomError,
    StoreTamperedError,
    StoreVersionError,
    WayInError,
)

__all__ = [
    "AccessError",
    "AddressError",
    "AlertNotToldError",
    "AmountError",
    "AnswerError",
    "BackupBaseNeededError",
    "BackupDamagedError",
    "BackupError",
    "BackupKeyError",
    "BundleError",
    "CertificateError",
    "ChannelIdError",
    "ClaimDestinationError",
    "ClaimError",
    "ClaimFormatError",
    "ClaimKeyError",
    "ClaimKeyUnknownError",
    "ClaimNotAboveError",
    "ClaimPendingFullError",
    "ClaimSignatureError",
    "ClaimUnknownChannelError",
    "ClientError",
    "ClientFileError",
    "ConfigError",
    "CosignFormatError",
    "CustodyError",
    "DeclinedError",
    "DelegationRefusedError",
    "DelegationUnprovenError",
    "DerivationPathError",
    "DoorClosedError",
    "DrillError",
    "DrillFailedError",
    "DrillRefusedError",
    "FeeMoneyError",
    "HeadTroubleError",
    "HistoryMissingError",
    "HsmAbsentError",
    "HsmError",
    "HsmFailedError",
    "HsmKeyExistsError",
    "HsmKeyForeignError",
    "HsmKeyMissingError",
    "HsmMechanismError",
    "HsmPinError",
    "InputError",
    "KeyMissingError",
    "KeyNeededError",
    "KeyThereError",
    "LedgerError",
    "ListenError",
    "LookStoppedError",
    "MasterKeyIdleError",
    "MnemonicError",
    "NoRightError",
    "NoTokenError",
    "PassphraseError",
    "PassphraseMissingError",
    "PresignError",
    "ProofVoidError",
    "PublicKeyError",
    "QuorumMissingError",
    "ReceiptError",
    "ReceiptFormatError",
    "ReceiptVoidError",
    "RequestRefusedError",
    "RequestTimeoutError",
    "ResumeError",
    "RotationError",
    "SeedError",
    "SignerCapError",
    "SignerRunsError",
    "SignerUnfitError",
    "SignerUnreachableError",
    "SigningError",
    "SigningRefusedError",
    "StoreBusyError",
    "StoreDamagedError",
    "StoreError",
    "StoreExistsError",
    "StoreFullError",
    "StoreMissingError",
    "StoreNeedsHsmError",
    "StoreNetworkError",
    "StoreReadOnlyError",
    "StoreRekeyedError",
    "StoreRekeyingError",
    "StoreRoomError",
    "StoreTamperedError",
    "StoreVersionError",
    "TicketPoolError",
    "TokenExistsError",
    "TokenFormatError",
    "TokenLimitError",
    "TokenUnknownError",
    "TowerRefusedError",
    "TowerUnreachableError",
    "TowerUnwellError",
    "UnreachableError",
    "WatchtowerError",
    "WayInError",
    "WrongNetworkError",
]
