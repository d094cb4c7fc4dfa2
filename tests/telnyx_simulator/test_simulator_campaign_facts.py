"""The simulated provider's 10DLC endpoints and events, as our own client and our webhook read them."""

from collections.abc import Iterator

import pytest

from devtools.telnyx_simulator.registration import CAMPAIGN_ID
from longcode.domain.campaign import CampaignFacts, CampaignSettings, limits
from longcode.domain.carriers import Carrier
from longcode.domain.errors import Unavailable
from longcode.domain.outcomes import Answer
from longcode.domain.registration import Lost
from longcode.outbound import transport
from longcode.telnyx import webhooks
from longcode.telnyx.client import Telnyx
from tests.chance import showing
from tests.support.fakes.examples import make_message
from tests.telnyx_simulator.world import API_KEY, OURS, RECIPIENT, Inbox, Running

pytestmark = pytest.mark.enable_socket


@pytest.fixture
def client(provider: Running) -> Iterator[Telnyx]:
    with transport.client() as connections:
        yield Telnyx(connections, f"{provider.url}/v2", lambda _fresh: API_KEY)


def without_time(facts: CampaignFacts) -> tuple[object, ...]:
    return (
        facts.campaign_id,
        facts.tcr_id,
        facts.assignment,
        facts.att_class,
        facts.att_per_minute,
        facts.t_mobile_tier,
        facts.t_mobile_per_day,
    )


def send(client: Telnyx) -> Answer:
    return client.send(make_message(sender=OURS, recipient=RECIPIENT))


def test_our_client_reads_the_facts_by_whichever_names_they_come(provider: Running, client: Telnyx) -> None:
    provider.control("registration", campaign={"message_class": "T"}, brand={"score": 30})
    on_it = (CAMPAIGN_ID, "C751C6A", "ASSIGNED")
    for naming, expected in (
        ("registry", ("T", 75, "LOWER_MID", 10_000)),
        ("guide", ("T", 75, "Medium", None)),
        ("common", ("", None, "", None)),
    ):
        with showing(naming):
            provider.control("registration", metadata=naming)
            found = client.campaign(OURS)
            assert without_time(found) == (*on_it, *expected)
            paced = limits(CampaignSettings(margin=0), found)
            expected_limits = ({Carrier.ATT: 75}, {Carrier.T_MOBILE: 10_000}) if naming != "common" else ({}, {})
            assert (paced.per_minute, paced.per_day) == expected_limits


def test_a_number_on_no_campaign_is_read_as_that_and_an_outage_as_nothing(
    provider: Running, client: Telnyx
) -> None:
    provider.control("registration", number={"number": OURS, "campaign": None})
    assert without_time(client.campaign(OURS)) == ("", "", "", "", None, "", None)

    provider.control("faults", outage="404")
    with pytest.raises(Unavailable):
        client.campaign(OURS)


def test_our_client_reads_whether_we_are_registered(provider: Running, client: Telnyx) -> None:
    assert send(client).registered is True
    for written in (None, False):
        provider.control("registration", number={"number": OURS, "campaign": None}, unregistered_as=written)
        assert send(client).registered is False


def test_our_webhook_reads_each_of_its_events_on_a_campaign(provider: Running, inbox: Inbox) -> None:
    url = f"{inbox.url}/campaign"
    statuses = ("suspended", "active", "expired", "active", "dormant")
    for number, status in enumerate(statuses, 1):
        provider.control("registration", campaign={"status": status, "webhook_url": url})
        inbox.wait(number, "/campaign")

    found = [webhooks.event(hook.raw, int(hook.timestamp) * 1000) for hook in inbox.at("/campaign")]

    said = [one.registration for one in found if one and one.registration]
    assert [one.lost for one in said] == [Lost.SUSPENDED, None, Lost.EXPIRED, None, Lost.DORMANT]
    assert [Lost.SUSPENDED in one.regained for one in said] == [False, True, False, True, False]
    assert {one.campaign_ids for one in said} == {(CAMPAIGN_ID,)}
    assert [one.odd for one in found if one] == [()] * 5
