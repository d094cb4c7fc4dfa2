"""Every metric of this service: its name in CloudWatch, its unit, and what it means."""

# The one list of them: the code counts by it, docs/metrics.md is made from it, and tests hold the dashboard and
# the alarms against it. Dimensions are `service` and `environment`, for all alike: one for each recipient or
# message would cost more than the texts.
#
# What became of texts is counted from the table's own changes (`publish`), so it is what was really recorded,
# whichever function did it. The rest is counted where it happens.

from enum import StrEnum
from typing import Literal, Self

NAMESPACE = "LongCodeSms"
DIMENSIONS = frozenset(("service", "environment"))

# CloudWatch's own words for units.
Unit = Literal["Count", "Seconds", "Milliseconds", "None"]


class Metric(StrEnum):
    """A metric by its name. `unit` is CloudWatch's, `meaning` a sentence for people."""

    unit: Unit
    meaning: str

    def __new__(cls, name: str, unit: Unit, meaning: str) -> Self:
        metric = str.__new__(cls, name)
        metric._value_ = name
        metric.unit = unit
        metric.meaning = meaning
        return metric

    # ----------------------------------------------------- what became of texts, from the table's own changes
    ACCEPTED = ("Accepted", "Count", "Texts taken from callers, to send or to queue.")
    SENT = ("Sent", "Count", "Texts that the provider has taken, known by its answer, a receipt or its records.")
    SEGMENTS = ("Segments", "Count", "Parts of the texts sent: the provider's count where it gave one, else ours.")
    DELIVERED = ("Delivered", "Count", "Texts that arrived.")
    DELIVERY_FAILED = ("DeliveryFailed", "Count", "Texts that the provider took and that did not arrive.")
    UNCONFIRMED = ("Unconfirmed", "Count", "Texts of which it is not known whether they arrived.")
    FAILED = (
        "Failed",
        "Count",
        "Texts that the provider did not take. A send that is tried again counts each time.",
    )
    FAILED_RECIPIENT = (
        "FailedRecipient",
        "Count",
        "Of both kinds of failure: the number or phone is the reason.",
    )
    FAILED_CONTENT = ("FailedContent", "Count", "The same: the words are the reason.")
    FAILED_SENDER = ("FailedSender", "Count", "The same: our number, its profile or registration is the reason.")
    FAILED_ACCOUNT = ("FailedAccount", "Count", "The same: the account at the provider is the reason.")
    FAILED_PROVIDER = ("FailedProvider", "Count", "The same: the provider, or the way to it, is the reason.")
    FAILED_SERVICE = ("FailedService", "Count", "The same: this service is the reason.")
    REFUSED_BY_CARRIER = (
        "RefusedByCarrier",
        "Count",
        "Of both kinds of failure: the carrier takes no more of us, for the minute, the day, or in time.",
    )
    SUPPRESSED = ("Suppressed", "Count", "Texts not sent because the recipient opted out while they waited.")
    EXPIRED_UNSENT = (
        "ExpiredUnsent",
        "Count",
        "Texts not sent because they waited longer than they were valid.",
    )
    CANCELLED = (
        "Cancelled",
        "Count",
        "Texts cancelled by request, or as their recipient was erased.",
    )
    UNKNOWN = ("Unknown", "Count", "Texts of which the provider did not say whether it took them.")
    COST = (
        "Cost",
        "None",
        "What the receipts say was charged, in their currency; a later one adds the difference.",
    )
    INBOUND = ("Inbound", "Count", "Texts from people.")
    OPT_OUT_UNCLEAR = (
        "OptOutUnclear",
        "Count",
        "Texts that may ask for an end and don't say so clearly, for a person to read.",
    )
    DESTINATION_REFUSED = ("DestinationRefused", "Count", "Requests to numbers that may not be texted.")
    DAILY_LIMIT_REACHED = ("DailyLimitReached", "Count", "Requests over a cap of the day.")
    OPTED_OUT = ("OptedOut", "Count", "Numbers that want no more texts.")
    OPTED_IN = ("OptedIn", "Count", "Numbers that want texts again.")

    # ------------------------------------------------------------------------------------------------ pacing
    PACING_WAIT = ("PacingWaitMs", "Milliseconds", "How far ahead the slot was that a queued text was given.")
    QUEUE_AGE = (
        "QueueAgeMs",
        "Milliseconds",
        "How long ago a queued text might have left when it left: since its acceptance, or since its hold.",
    )
    OLDEST_WAIT = (
        "OldestWaitS",
        "Seconds",
        "How long the oldest text has waited, each minute, whatever it waits for: since its acceptance, or since "
        "what it was held until.",
    )
    OVERDUE = (
        "OverdueS",
        "Seconds",
        "How long ago a text that waits should have left, the latest of the oldest: after its slot and its turn "
        "in the recipient queue, from the beginning where the provider does not take it, after half of its "
        "validity in a stop.",
    )
    HELD_NOW = (
        "HeldNow",
        "Count",
        "Texts that are held for their time or for the end of quiet hours, each minute.",
    )
    HELD_LATE = (
        "HeldLateS",
        "Seconds",
        "How long ago the time of a text came that is held all the same, the latest of all, each minute: below "
        "two minutes is well.",
    )
    RATE_LIMITED = ("RateLimited", "Count", "Answers of the provider that ask for less.")
    CAMPAIGN_PAUSED = (
        "CampaignPaused",
        "Count",
        "Tags and carriers whose bulk texts were paused by their brake (TagBrake).",
    )
    PAUSED = ("Paused", "Count", "1 each minute in which sending is paused by an operator, else 0.")

    # ----------------------------------------------------------------------------------------------- provider
    PROVIDER_LATENCY = ("ProviderLatencyMs", "Milliseconds", "How long the provider took to answer a send.")
    BREAKER_OPENED = (
        "BreakerOpened",
        "Count",
        "Refusals that are the same for every text: all sending stops.",
    )
    UNREGISTERED = (
        "Unregistered",
        "Count",
        "Texts within the US that the provider took, saying that our number has no registered campaign.",
    )
    STOPPED_KEY = (
        "StoppedKey",
        "Count",
        "1 each minute in which a refused key stops sending, else 0.",
    )
    STOPPED_FUNDS = ("StoppedFunds", "Count", "The same for the funds or the spend limit.")
    STOPPED_SETUP = ("StoppedSetup", "Count", "The same for the number, its profile or the account.")
    STOPPED_OUTAGE = (
        "StoppedOutage",
        "Count",
        "The same for a provider that can't be reached or doesn't answer.",
    )
    UNKNOWN_NOW = ("UnknownNow", "Count", "Texts in doubt, each minute.")
    STRANDED_NOW = (
        "StrandedNow",
        "Count",
        "Texts that have waited for 15 minutes while the queue holds nothing, each minute: it has lost them.",
    )
    RESOLVED = ("Resolved", "Count", "Texts in doubt that the provider's records or a replay settled.")
    RECEIPTS_READ_BACK = ("ReceiptsReadBack", "Count", "Receipts that never came and were read from the records.")
    NUMBER_LOOKUPS = (
        "NumberLookups",
        "Count",
        "Numbers whose carrier the provider was asked for, which it charges.",
    )

    # ----------------------------------------------------------------------------------------------- webhooks
    WEBHOOKS = ("Webhooks", "Count", "Webhooks with a good signature.")
    SIGNATURES_REFUSED = ("SignaturesRefused", "Count", "Webhooks without one.")
    WEBHOOK_LAG = ("WebhookLagMs", "Milliseconds", "How long ago a receipt's event had happened when it came.")
    WEBHOOKS_SILENT = (
        "WebhooksSilent",
        "Count",
        "1 each minute in which most of the last texts have had no webhook within five minutes, else 0.",
    )
    WEBHOOK_DUPLICATES = ("WebhookDuplicates", "Count", "Events that had come before.")
    WEBHOOK_UNMATCHED = ("WebhookUnmatched", "Count", "Receipts for texts that this service does not have.")
    WEBHOOK_ODD = (
        "WebhookOdd",
        "Count",
        "Signed webhooks that are not as the provider documents them: kept as far as they can be read.",
    )

    # --------------------------------------------------------------------- webhooks to the user's own systems
    EVENTS_DELIVERED = ("EventsDelivered", "Count", "Events that a webhook subscription has taken.")
    DELIVERY_ATTEMPTS_FAILED = (
        "DeliveryAttemptsFailed",
        "Count",
        "Calls to webhook subscriptions that failed. An event is tried again for 24 hours.",
    )
    EVENTS_GIVEN_UP = (
        "EventsGivenUp",
        "Count",
        "Events that a webhook subscription did not take in 24 hours, or that it was disabled with.",
    )
    SUBSCRIPTIONS_DISABLED = (
        "SubscriptionsDisabled",
        "Count",
        "Webhook subscriptions that were disabled: none of their calls succeeded for three days, or one was "
        "answered by 410.",
    )

    # ------------------------------------------------------------------------------------------ the machinery
    DUPLICATES_SUPPRESSED = (
        "DuplicatesSuppressed",
        "Count",
        "Repeated requests and second deliveries of the queue: none of them sent anything.",
    )
    ENQUEUED_AGAIN = ("EnqueuedAgain", "Count", "Texts that were stored and may not have been in the queue.")
    UNREADABLE = ("Unreadable", "Count", "Queue messages that nothing can be read from.")
    NEWER_VERSION = (
        "NewerVersion",
        "Count",
        "Looks at a queue message that only a later release can read: it waits for that one.",
    )
    UNKNOWN_ID = ("UnknownId", "Count", "Queue messages whose text is not in the table.")
    STORE_UNAVAILABLE = (
        "StoreUnavailable",
        "Count",
        "Calls to the tables, the queue or the secret store that failed after all their repeats.",
    )
    DEAD_LETTERS_NOW = ("DeadLettersNow", "Count", "Queue messages among the dead letters, each minute.")
    ERASED = ("Erased", "Count", "Messages removed on request.")
    EVENTS_PUBLISHED = ("EventsPublished", "Count", "Events put on the event bus.")
    EVENTS_REFUSED = ("EventsRefused", "Count", "Batches of events that the bus did not take whole.")
    PUBLISHER_LAG = (
        "PublisherLagS",
        "Seconds",
        "How long ago the latest heartbeat was written that the publisher has done, each minute; 60 is well, or "
        "EventDelaySeconds more.",
    )
    UNPUBLISHED_NOW = (
        "UnpublishedNow",
        "Count",
        "Batches of changes that the publisher has given up, each minute.",
    )
    STREAM_UNREADABLE = ("StreamUnreadable", "Count", "Changes of the table that could not be read.")
    CRASHED = ("Crashed", "Count", "Faults of this service that were caught.")
