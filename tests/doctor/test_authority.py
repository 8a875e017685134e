"""What the doctor says of keys, rights and money, with the ledger itself as the judge."""

from __future__ import annotations

from dataclasses import replace

from tests.doctor.conftest import (
    KEY,
    OTHER,
    PASSPHRASE,
    PAYEE,
    TOWER,
    Practice,
    levels,
    of,
    one_of,
    regular_key,
)
from tests.softhsm import SoftHsm
from watchtower.doctor.finding import Level
from watchtower.errors import HsmPinError
from watchtower.keys.vault import Vault
from watchtower.sandbox.people import Person
from watchtower.store.database import Store

DELEGATED = f'[authority.delegate]\naccount = "{TOWER.address}"\n'
MASTER_OFF = {"TransactionType": "AccountSet", "SetFlag": 4}


async def test_a_key_that_the_ledger_takes_signs_and_is_said_to_be_taken(
    practice: Practice,
) -> None:
    """It signs in memory, and what it signs verifies."""
    found = await practice.look()

    told = one_of(found, "authority.right")
    assert told.level is Level.OK
    assert f"regular key by {KEY.public_key} in the store" in told.sentence
    assert "the ledger takes it, now" in told.sentence
    assert levels(found, "authority.signs") == [Level.OK]
    assert levels(found, "authority.account") == [Level.OK]


async def test_a_server_is_asked_what_it_would_say_to_the_key(practice: Practice) -> None:
    """To one that it takes and one that it does not; neither is signed with, and nothing is sent.

    Where it knows no such command, that is said.
    """
    assert levels(await practice.look(), "authority.simulated") == [Level.OK]
    await practice.hand.settle(regular_key(OTHER), PAYEE)
    before = [*practice.servers[0].network.chain.open_transactions]
    told = one_of(await practice.look(), "authority.simulated")

    assert told.level is Level.FAILURE
    assert "says tefBAD_AUTH" in told.sentence
    assert [*practice.servers[0].network.chain.open_transactions] == before
    for server in practice.servers:
        server.misbehave(lies={"simulate": {"engine_result": None}})
    told = one_of(await practice.look(), "authority.simulated")
    assert told.level is Level.NOTICE
    assert "No server simulates" in told.sentence


async def test_a_regular_key_that_was_replaced_is_mended_by_what_is_said(
    practice: Practice,
) -> None:
    """The key that the ledger names now is imported, and the finding is gone."""
    await practice.hand.settle(regular_key(OTHER), PAYEE)
    told = one_of(await practice.look(), "authority.right")

    assert told.level is Level.FAILURE
    assert f"which is that of {OTHER.address} now" in told.sentence
    assert told.mend is not None
    await practice.mend(f"{told.mend} --seed-file -", stdin=f"{OTHER.seed}\n")
    assert levels(await practice.look(), "authority.right") == [Level.OK]


async def test_a_missing_key_is_mended_by_what_is_said(practice: Practice) -> None:
    """Nothing could be redeemed, until the key is imported."""
    async with await Store.open(practice.store, PASSPHRASE) as store:
        await Vault(store).remove(PAYEE.address)
    told = one_of(await practice.look(), "authority.right")

    assert told.level is Level.FAILURE
    assert f"Nothing can sign for {PAYEE.address}" in told.sentence
    assert told.mend == f"watchtower key import --account {PAYEE.address} --regular-key"
    await practice.mend(f"{told.mend} --seed-file -", stdin=f"{KEY.seed}\n")
    assert levels(await practice.look(), "authority.right") == [Level.OK]


async def test_a_master_key_that_was_disabled_signs_nothing(practice: Practice) -> None:
    """Though the configuration allows it."""
    practice.configure("[authority]\nallow_master_key = true\n")
    async with await Store.open(practice.store, PASSPHRASE) as store:
        await Vault(store).import_seed(PAYEE.address, PAYEE.seed)
    assert levels(await practice.look(), "authority.right") == [Level.OK]
    await practice.hand.settle(MASTER_OFF, PAYEE)
    told = one_of(await practice.look(), "authority.right")

    assert told.level is Level.FAILURE
    assert "that was disabled" in told.sentence


async def test_a_master_key_that_nobody_allowed_is_worth_a_word(practice: Practice) -> None:
    """It signs nothing, and can be stolen."""
    async with await Store.open(practice.store, PASSPHRASE) as store:
        await Vault(store).import_seed(PAYEE.address, PAYEE.seed)
    found = await practice.look()

    assert levels(found, "authority.idle") == [Level.NOTICE]
    assert levels(found, "authority.right") == [Level.FAILURE]


async def test_a_key_that_is_not_what_its_card_says_does_not_sign(practice: Practice) -> None:
    """Its signature is looked at, and not only its name."""
    async with await Store.open(practice.store, PASSPHRASE) as store, store.write() as work:
        (key,) = await work.secrets.of_account(PAYEE.address)
        await work.secrets.put(replace(key, private_key=bytes(31) + b"\x07"))
    told = one_of(await practice.look(), "authority.signs")

    assert told.level is Level.FAILURE
    assert "does not verify" in told.sentence


async def test_an_account_that_is_not_in_the_ledger_is_told_of(practice: Practice) -> None:
    """Nobody has paid its reserve."""
    nobody = Person.named("nobody has paid")
    practice.configure(accounts=f'["{nobody.address}"]')
    found = await practice.look()

    assert levels(found, "authority.account") == [Level.FAILURE]
    assert of(found, "authority.right") == []


async def test_a_delegate_needs_the_permission_and_money(practice: Practice) -> None:
    """First it is in no ledger, then it is not permitted, then it may and can."""
    async with await Store.open(practice.store, PASSPHRASE) as store:
        await Vault(store).import_seed(TOWER.address, TOWER.seed)
        await Vault(store).remove(PAYEE.address)
    practice.configure(DELEGATED)
    found = await practice.look()
    assert one_of(found, "authority.right").level is Level.FAILURE
    assert levels(found, "money.fees", TOWER.address) == [Level.FAILURE]

    await practice.hand.fund(TOWER)
    told = one_of(await practice.look(), "authority.right")
    assert (
        told.mend == f"watchtower authority delegate --account {PAYEE.address} --write grant.json"
    )

    give = {
        "TransactionType": "DelegateSet",
        "Authorize": TOWER.address,
        "Permissions": [{"Permission": {"PermissionValue": "PaymentChannelClaim"}}],
    }
    await practice.hand.settle(give, PAYEE)
    found = await practice.look()
    assert levels(found, "authority.right") == [Level.OK]
    assert levels(found, "money.fees", TOWER.address) == [Level.OK]


async def test_a_right_that_fails_beside_one_that_signs_is_a_warning(practice: Practice) -> None:
    """What is owed is redeemed all the same."""
    async with await Store.open(practice.store, PASSPHRASE) as store:
        await Vault(store).import_seed(TOWER.address, TOWER.seed)
    practice.configure(DELEGATED)
    found = await practice.look()

    assert levels(found, "authority.right") == [Level.WARNING, Level.OK]


async def test_signed_by_a_list_that_does_not_name_the_tower(practice: Practice) -> None:
    """And by one that does."""
    practice.configure(
        f'[authority]\nrights = ["signer_list"]\nsigner = "{TOWER.address}"\n'
        f'[[authority.cosigners]]\naccount = "{OTHER.address}"\npublic_key = "{OTHER.public_key}"\n'
        'url = "person"\n'
    )
    async with await Store.open(practice.store, PASSPHRASE) as store:
        await Vault(store).import_seed(TOWER.address, TOWER.seed)
    told = one_of(await practice.look(), "authority.right")
    assert told.level is Level.FAILURE
    assert f"does not name {TOWER.address}" in told.sentence

    entries = [
        {"SignerEntry": {"Account": one.address, "SignerWeight": 1}}
        for one in sorted((TOWER, OTHER), key=lambda one: one.address)
    ]
    listed = {"TransactionType": "SignerListSet", "SignerQuorum": 2, "SignerEntries": entries}
    await practice.hand.settle(listed, PAYEE)
    assert levels(await practice.look(), "authority.right") == [Level.OK]


async def test_an_account_without_money_above_its_reserve_is_told_how_much(
    practice: Practice,
) -> None:
    """And one that has enough is not."""
    assert levels(await practice.look(), "money.fees") == [Level.OK]
    poor = Person.named("a poor payee")
    await practice.hand.fund(poor, xrp=1)
    practice.configure(accounts=f'["{poor.address}"]')
    told = one_of(await practice.look(), "money.fees")

    assert told.level is Level.WARNING
    assert "pay it 1 XRP more" in told.sentence


async def test_tickets_that_are_missing_are_made_by_the_daemon(practice: Practice) -> None:
    """Where the account can hold them; and nobody asks for what is there."""
    assert levels(await practice.look(), "money.tickets") == [Level.NOTICE]
    await practice.hand.settle({"TransactionType": "TicketCreate", "TicketCount": 4}, PAYEE)

    assert levels(await practice.look(), "money.tickets") == [Level.OK]


async def test_a_signer_apart_that_is_away_is_told_of(practice: Practice) -> None:
    """And nobody says that nothing can sign, for that is not known."""
    practice.configure('[keys]\nsigner = "nobody.socket"\n')
    found = await practice.look()

    assert levels(found, "authority.signer") == [Level.FAILURE]
    assert of(found, "authority.right") == []


async def test_a_token_whose_pin_is_wrong_is_asked_once(
    practice: Practice, softhsm: SoftHsm
) -> None:
    """Tokens lock after a few wrong ones."""
    pins: list[str] = []

    def pin() -> str:
        pins.append("0000")
        return "0000"

    hsm = softhsm.hsm()
    hsm = type(hsm)(softhsm.module, hsm.token, pin, within=30.0)
    practice.configure(
        f'[hsm]\nmodule = "{softhsm.module}"\ntoken = "{hsm.token}"\n'
        f'[[hsm.keys]]\naccount = "{PAYEE.address}"\nlabel = "redeem"\nregular_key = true\n'
    )
    told = one_of(await practice.look(hsm=hsm, within=30.0), "authority.token")

    assert told.level is Level.FAILURE
    assert HsmPinError.template.split("{", maxsplit=1)[0] in told.sentence
    assert len(pins) == 1
