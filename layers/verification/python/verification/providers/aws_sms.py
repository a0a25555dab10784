"""SMS by AWS End User Messaging (`pinpoint-sms-voice-v2`, `SendTextMessage`).

AWS answers when it has queued the message; what became of it stands in an event (see
`api.reports.amazon`), with the context we gave.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from ..domain.verification import Channel
from ..operations.ports import Order
from .amazon import call, send
from .settings import ProviderSettings

MIN_TIME_TO_LIVE, MAX_TIME_TO_LIVE = 5, 259_200  # seconds

type Identity = Annotated[str, Field(pattern=r"^[A-Za-z0-9_:/+-]{1,256}$")]
"""A phone number, a sender id or a pool (each by itself, its id or its ARN)."""

type Resource = Annotated[str, Field(pattern=r"^[A-Za-z0-9_:/-]{1,256}$")]
"""The name, id or ARN of something else in the account."""

type Price = Annotated[str, Field(pattern=r"^[0-9]{0,2}\.[0-9]{1,5}$")]
"""US dollars, such as 0.05."""

type CountryParameters = dict[
    Literal["IN_TEMPLATE_ID", "IN_ENTITY_ID"], Annotated[str, Field(pattern=r"^\S{1,64}$")]
]
"""What a country's carriers want to be told; so far India's alone."""

# AWS gives a reason; these depend on the number that we send to, or on what it is sent. A wrong
# number has one of the general ones. Everything else would be said to any number.
REJECTIONS = frozenset(
    {
        "ConflictException/DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION",
        "ConflictException/DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE",
        "ConflictException/DESTINATION_PHONE_NUMBER_NOT_VERIFIED",  # an account in the sandbox
        "ConflictException/DESTINATION_PHONE_NUMBER_OPTED_OUT",
        "ConflictException/NO_ORIGINATION_IDENTITIES_FOUND",  # for that country
        "ServiceQuotaExceededException/DAILY_DESTINATION_CALL_LIMIT",
        "ValidationException",
        "ValidationException/CANNOT_PARSE",
        "ValidationException/COUNTRY_CODE_MISMATCH",
        "ValidationException/COUNTRY_NOT_ENABLED",
        "ValidationException/DESTINATION_COUNTRY_BLOCKED",
        "ValidationException/FIELD_VALIDATION_FAILED",
        "ValidationException/INTERNATIONAL_SENDING_NOT_SUPPORTED",
        "ValidationException/INVALID_IDENTITY_FOR_DESTINATION_COUNTRY",
        "ValidationException/INVALID_PARAMETER",
        "ValidationException/INVALID_REQUEST",
        "ValidationException/MAXIMUM_SIZE_EXCEEDED",
        "ValidationException/OTHER",
        "ValidationException/PRICE_OVER_THRESHOLD",
        "ValidationException/SENDER_ID_NOT_REGISTERED",  # in that country, as the next two
        "ValidationException/SENDER_ID_NOT_SUPPORTED",
        "ValidationException/SENDER_ID_REQUIRES_REGISTRATION",
    }
)
_FEEDBACK_REJECTIONS = REJECTIONS | {"ResourceNotFoundException"}  # it forgot that message


class CommonSettings(ProviderSettings):
    """What SMS and calls can both be set to.

    Args:
        configuration_set: whose event destinations are told what became of a message.
        protect_configuration: which countries may be sent to; None for the account's default.
        message_feedback: whether AWS is told which messages were of use. It takes what it hears
            nothing of for one hour for failed, so that its protection learns from it.
    """

    configuration_set: Resource | None = None
    protect_configuration: Resource | None = None
    message_feedback: bool = False


class Settings(CommonSettings):
    """Settings of `aws-sms`.

    Args:
        origination_identity: None for the best that the account has for the country.
        max_price: of one message; a dearer one is rejected.
        keyword: the name of the program registered with a short code of the US.
        destination_country_parameters: for numbers of India.
    """

    origination_identity: Identity | None = None
    max_price: Price | None = None
    message_type: Literal["TRANSACTIONAL", "PROMOTIONAL"] = "TRANSACTIONAL"
    keyword: Annotated[str, Field(pattern=r"^[ \S]{1,30}$")] | None = None
    destination_country_parameters: CountryParameters | None = None


class EndUserMessenger:
    """What SMS and calls by AWS End User Messaging have in common."""

    name: str

    def __init__(self, client: Any, settings: CommonSettings) -> None:
        self._client = client
        self._common_settings = settings

    @property
    def takes_feedback(self) -> bool:
        return self._common_settings.message_feedback

    def feedback(self, message_id: str, received: bool) -> None:
        """Say what became of a message; see `TakesFeedback.feedback`."""
        call(
            self.name,
            self._client.put_message_feedback,
            _FEEDBACK_REJECTIONS,
            MessageId=message_id,
            MessageFeedbackStatus="RECEIVED" if received else "FAILED",
        )

    def _common_parameters(self, order: Order) -> Mapping[str, Any]:
        settings = self._common_settings
        return {
            "DestinationPhoneNumber": order.to,
            "MessageBody": order.render(order.channel).text,
            "TimeToLive": min(max(order.validity, MIN_TIME_TO_LIVE), MAX_TIME_TO_LIVE),
            "Context": {"report_token": order.report_token(self.name)},
            "ConfigurationSetName": settings.configuration_set,
            "ProtectConfigurationId": settings.protect_configuration,
            "MessageFeedbackEnabled": settings.message_feedback,
        }


class AwsSmsMessenger(EndUserMessenger):
    """SMS by AWS End User Messaging.

    Args:
        client: a low-level client that never repeats: there is no idempotency key.
    """

    name = "aws-sms"
    channels = frozenset({Channel.SMS})

    def __init__(self, client: Any, settings: Settings) -> None:
        super().__init__(client, settings)
        self._settings = settings

    def send(self, order: Order) -> str:
        """Hand the message over once; see `Messenger.send`."""
        settings = self._settings
        return send(
            self.name,
            self._client.send_text_message,
            REJECTIONS,
            **self._common_parameters(order),
            OriginationIdentity=order.sender or settings.origination_identity,
            MessageType=settings.message_type,
            Keyword=settings.keyword,
            MaxPrice=settings.max_price,
            DestinationCountryParameters=(
                settings.destination_country_parameters if order.country == "IN" else None
            ),
        )
