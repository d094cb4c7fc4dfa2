"""What a text is likely to cost: by what the provider charged for the latest ones to the same country."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from longcode.domain import destinations
from longcode.domain.search import Search
from longcode.domain.status import Status
from longcode.use_cases.ports import Finder, Messages

# Prices change, and differ by carrier: those of some days, and the middle one.
BACK_MS = 7 * 86_400_000
_READ = 100


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """An estimate by the receipts of so many `texts`; `amount` is that of all segments."""

    amount: Decimal
    currency: str
    per_segment: Decimal
    texts: int


@dataclass(frozen=True, slots=True)
class Price:
    """What the provider charged for a segment of one text to a country."""

    country: str
    per_segment: Decimal
    currency: str


def estimate(segments: int, number: str, finder: Finder, messages: Messages, now_ms: int) -> CostEstimate | None:
    """Estimate the cost of a text of so many segments to the country of `number` (E.164).

    None if no text to there has a receipt with its price that is recent enough. Raises Unavailable.
    """
    return estimate_by(recent_prices(finder, messages, now_ms), segments, number)


def recent_prices(finder: Finder, messages: Messages, now_ms: int) -> list[Price]:
    """What the latest texts cost, the latest first. Raises Unavailable."""
    wanted = Search(direction="outbound", status=Status.DELIVERED, since_ms=now_ms - BACK_MS)
    found = finder.find(wanted, None, _READ, now_ms)
    return [
        Price(
            destinations.country(message.recipient),
            message.cost / (message.parts or message.segments),
            message.currency,
        )
        for message in messages.get_all(found.ids)
        # An MMS has a price of its own.
        if message.cost is not None and message.currency and not message.media_urls
    ]


def estimate_by(known: Sequence[Price], segments: int, number: str) -> CostEstimate | None:
    """The same by prices that were read before."""
    country = destinations.country(number)
    priced = [price for price in known if price.country == country]
    if not priced:
        return None
    # The latest one's: an account has one currency at a time.
    currency = priced[0].currency
    prices = sorted(price.per_segment for price in priced if price.currency == currency)
    middle = prices[len(prices) // 2].quantize(Decimal("0.00001")).normalize()
    return CostEstimate((middle * segments).normalize(), currency, middle, len(prices))
