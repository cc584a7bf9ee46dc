"""What the API answers when the EHR refuses, or when an account needs its user."""

from __future__ import annotations

from cobalt_link.connector.offers import Offering
from cobalt_link.web.problems import Problem


class ReconnectRequired(Problem):
    """Account link expired. Please go through the integration setup again."""

    # The body that the contract documents in §3.4; clients compare its text.
    code = "login_required"
    status = 403


class MissingRights(Problem):
    """The EHR does not let this user see what you asked for. Ask the EHR's administrator to grant the right."""

    code = "no_rights"
    status = 403


class AccountGone(Problem):
    """There is no such account. It may have been disconnected. Send GET /v1/accounts to list the linked accounts."""

    code = "account_not_found"
    status = 404


class NotSupported(Problem):
    """This EHR does not offer what you asked for. Leave it out for this EHR."""

    code = "not_supported"
    status = 400


class NotGranted(Problem):
    """The EHR has what you asked for, but the grant of this user leaves it out. Send the user through Link again and
    ask them to allow it on the EHR's page."""

    code = "not_granted"
    status = 403


def not_offered(ehr: str, what: str, capability: str, offers: Offering | None) -> NotSupported | NotGranted:
    """Why an account's EHR does not do this. An answer must not look as if the chart were empty (S-042)."""
    if offers and capability in offers.not_granted:
        return NotGranted(
            f"{ehr} has {what}, but this user's grant leaves it out. Send the user through Link again and ask them to"
            " allow it on the EHR's page."
        )
    reason = offers.reasons.get(capability) if offers else None
    return NotSupported(f"{reason or f'{ehr} does not offer {what}.'} Leave this call out for {ehr}.")


class EhrUnavailable(Problem):
    """The EHR does not answer. Try again after the seconds in the Retry-After header."""

    code = "ehr_down"
    status = 503


class EhrThrottled(Problem):
    """The EHR asks us to wait. Try again after the seconds in the Retry-After header."""

    code = "ehr_busy"
    status = 503


class SignInRests(Problem):
    """There were too many wrong passwords or codes for this EHR login, maybe not your user's. No sign-in is tried until
    the lock is over. Try again after the seconds in the Retry-After header."""

    code = "sign_in_rests"
    status = 503


class EhrUnexpected(Problem):
    """The EHR gave an answer that we do not understand. Give the operator the reference from this message."""

    code = "ehr_unexpected"
    status = 502
