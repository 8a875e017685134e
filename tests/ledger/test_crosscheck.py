"""What is believed of what several servers told."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from watchtower.ledger.answers import Fees
from watchtower.ledger.crosscheck import (
    Finding,
    account_of_all,
    find,
    in_the_middle,
    is_unanimous,
    lists_compared,
)
from watchtower.ledger.events import (
    END_OF_LEDGER,
    AccountChanged,
    AccountEntry,
    AccountMissing,
    ChannelChanged,
    ChannelEntry,
    ChannelMissing,
    Position,
    TicketsHeld,
)
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime

CHANNEL = ChannelId("AB" * 32)
ENTRY = ChannelEntry(
    channel=CHANNEL,
    source=Address("rwygKgJ9M6Ms8Fypk2foqvVdSfCaLHJsLK"),
    destination=Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD"),
    amount=Drops(1_000),
    balance=Drops(100),
    public_key="02" + "0" * 64,
    settle_delay=3_600,
)
CLOSING = replace(ENTRY, expiration=RippleTime(5_000))


def there(ledger: int, entry: ChannelEntry = ENTRY) -> ChannelChanged:
    """A channel in a ledger."""
    return ChannelChanged(entry=entry, at=Position(LedgerIndex(ledger), END_OF_LEDGER))


def gone(ledger: int) -> ChannelMissing:
    """No channel in a ledger."""
    return ChannelMissing(channel=CHANNEL, at=Position(LedgerIndex(ledger), END_OF_LEDGER))


def test_what_all_tell_is_vouched_for_in_its_newest_ledger() -> None:
    """Servers are a ledger apart and say the same."""
    assert find({"a": there(7), "b": there(8)}) == Finding(state=there(8), vouched=True)


def test_one_that_hides_a_close_request_is_outvoted_and_named() -> None:
    """Two of three see it; of one ledger only one thing is true."""
    found = find({"a": there(7, CLOSING), "liar": there(7), "b": there(7, CLOSING)})
    assert found == Finding(state=there(7, CLOSING), vouched=True, contradicting=("liar",))


def test_one_that_is_only_behind_is_outvoted_and_not_named() -> None:
    """Its ledger was another."""
    found = find({"a": there(8, CLOSING), "behind": there(7), "b": there(8, CLOSING)})
    assert found == Finding(state=there(8, CLOSING), vouched=True, is_settled=False)


def test_close_request_that_only_one_server_shows_is_acted_on_against_any_majority() -> None:
    """One honest server is enough; if it was none, redeeming early costs a fee."""
    found = find({"a": there(7), "b": there(7), "honest": there(7, CLOSING)})
    assert found == Finding(state=there(7, CLOSING), vouched=True, contradicting=("honest",))


def test_channel_that_only_one_server_has_is_there_against_any_majority() -> None:
    """An obligation ends by proof, and no number of words is one."""
    found = find({"a": gone(7), "b": gone(7), "honest": there(7)})
    assert found.state == there(7)


def test_numbers_are_what_most_servers_tell() -> None:
    """A false balance would have us pay for claims that are refused, ledger after ledger."""
    poor = replace(ENTRY, balance=Drops(0), expiration=RippleTime(9_000))
    found = find({"a": there(7), "liar": there(7, poor), "b": there(7)})
    assert found.state == there(7, replace(ENTRY, expiration=RippleTime(9_000)))


def test_two_against_two_is_no_majority() -> None:
    """Nobody can tell which pair lies, and what is served must rest on neither."""
    found = find({"a": there(7), "b": there(7), "c": there(7, CLOSING), "d": there(7, CLOSING)})
    assert (found.state, found.vouched) == (there(7, CLOSING), False)


def test_of_two_balances_of_one_ledger_the_lower_is_acted_on() -> None:
    """More is at stake by it; trying to redeem what was paid costs a fee."""
    paid = replace(ENTRY, balance=Drops(900))
    for told in ({"a": there(7), "b": there(7, paid)}, {"a": there(7, paid), "b": there(7)}):
        assert find(told).state == there(7)


def test_of_two_amounts_of_one_ledger_the_higher_is_acted_on() -> None:
    """Found by the simulation: funds that one server denied were not redeemed (world 31397)."""
    denied = replace(ENTRY, amount=Drops(1))
    for told in (
        {"liar": there(7, denied), "a": there(7)},
        {"a": there(7), "liar": there(7, denied)},
    ):
        assert find(told).state == there(7)


def test_what_most_are_behind_with_is_not_told_as_news() -> None:
    """Two that are behind must not undo a payment that the third has seen."""
    paid = replace(ENTRY, balance=Drops(900))
    assert find({"a": there(7), "b": there(7), "ahead": there(9, paid)}).state == there(7)


def test_channel_that_only_a_server_stuck_in_the_past_has_is_gone() -> None:
    """It knows nothing of what happened since."""
    assert find({"a": gone(90), "stuck": there(7)}).state == gone(90)


def test_of_two_that_contradict_each_other_the_greater_threat_is_acted_on() -> None:
    """Nobody knows who lies; redeeming needlessly costs a fee, and not redeeming the claim."""
    for other in (there(7), gone(7)):
        found = find({"a": other, "b": there(7, CLOSING)})
        assert found.state == there(7, CLOSING)
        assert not found.vouched
        assert found.contradicting == ("a", "b")


def test_of_two_in_different_ledgers_nothing_is_settled_yet() -> None:
    """A close request came in between, or one of them lies: asking again tells."""
    found = find({"a": there(7), "b": there(8, CLOSING)})
    assert (found.state, found.vouched, found.is_settled) == (there(8, CLOSING), False, False)
    assert found.contradicting == ()


def test_channel_that_one_server_hides_is_listed_all_the_same() -> None:
    """And one that both list is listed once, in the newer state."""
    other = replace(ENTRY, channel=ChannelId("CD" * 32))
    listing = lists_compared([(there(7),), (there(8, CLOSING), there(7, other))])
    assert listing.channels == (there(8, CLOSING), there(7, other))
    assert listing.agreed == frozenset()


def test_of_two_listings_of_one_ledger_the_greater_threat_is_listed() -> None:
    """Whichever server is asked first."""
    one, other = (there(7),), (there(7, CLOSING),)
    for lists in ([one, other], [other, one]):
        assert lists_compared(lists).channels == other


def test_channel_that_all_lists_tell_alike_is_beyond_doubt_and_no_other() -> None:
    """Of different ledgers, too: nothing happened to it in between."""
    other = replace(ENTRY, channel=ChannelId("CD" * 32))
    alike, hidden = (there(7), there(7, other)), (there(8),)
    assert lists_compared([alike, hidden]).agreed == {ENTRY.channel}
    assert lists_compared([alike]).agreed == {ENTRY.channel, other.channel}
    assert lists_compared([(there(7),), (there(7), there(7))]).agreed == {ENTRY.channel}
    assert lists_compared([(there(7), there(7)), ()]).agreed == frozenset()
    # Who lists a channel twice, once as it is, brings nobody to agree with what it adds.
    assert lists_compared([(there(7), there(7, CLOSING)), (there(7),)]).agreed == frozenset()


def tickets(ledger: int, *numbers: int) -> TicketsHeld:
    """Tickets of an account in a ledger."""
    at = Position(LedgerIndex(ledger), END_OF_LEDGER)
    return TicketsHeld(account=ENTRY.destination, tickets=frozenset(numbers), at=at)


def root(ledger: int, drops: int) -> AccountChanged:
    """An account with so much in it."""
    entry = AccountEntry(account=ENTRY.destination, balance=Drops(drops), sequence=7)
    return AccountChanged(entry=entry, at=Position(LedgerIndex(ledger), END_OF_LEDGER))


def test_tickets_that_one_of_two_servers_invents_are_not_used() -> None:
    """Hundreds of them would be tried, one after another, while a channel closes."""
    believed = account_of_all([(tickets(7, 1, 2, *range(100, 350)),), (tickets(7, 1, 2),)])
    assert believed == (tickets(7, 1, 2),)


def test_account_that_two_of_three_tell_of_alike_is_believed() -> None:
    """In its newest ledger, and whether it is there at all."""
    missing = AccountMissing(account=ENTRY.destination, at=root(8, 5).at)
    told = [(root(7, 5), tickets(7, 1)), (missing,), (root(8, 5), tickets(8, 1))]
    assert account_of_all(told) == (root(8, 5), tickets(8, 1))


def test_of_two_that_tell_of_an_account_differently_the_newer_ledger_is_believed() -> None:
    """It was paid in between."""
    assert account_of_all([(root(7, 5),), (root(8, 6),)]) == (root(8, 6),)
    assert not is_unanimous([(root(7, 5),), (root(7, 6),)])
    assert is_unanimous([(root(7, 5),), (root(8, 5),)])


@given(
    st.lists(st.integers(10, 1_000), min_size=2, max_size=6),
    st.integers(0, 10**9),
)
def test_no_single_server_makes_us_pay_more_than_an_honest_one_asks(
    honest: list[int], lie: int
) -> None:
    """And beside two honest ones it makes us offer no less than one of them asks."""
    told = [Fees(base_fee=Drops(10), open_ledger_fee=Drops(drops)) for drops in (*honest, lie)]
    believed = in_the_middle(told).open_ledger_fee
    assert min(honest) <= believed <= max(honest)


def test_of_two_prices_the_lower_is_tried_first() -> None:
    """Too little is refused and raised; too much would be gone."""
    told = [Fees(base_fee=Drops(10), open_ledger_fee=Drops(drops)) for drops in (5_000, 12)]
    assert in_the_middle(told).open_ledger_fee == 12


def test_who_alone_says_that_a_channel_is_gone_ends_it_for_nobody() -> None:
    """Also when it says so of a ledger that the others have not come to."""
    for ledger in (13, 4_000_000):
        finding = find({"a": there(10), "b": there(10), "liar": gone(ledger)})
        assert finding.state == there(10)
