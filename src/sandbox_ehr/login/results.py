"""What a step of a sign-in ends in: an open session, a challenge for the next step, or a refusal."""

import msgspec

from sandbox_ehr.login.accounts import Account
from sandbox_ehr.login.pending_sign_ins import PendingSignIn
from sandbox_ehr.refusals import Refusal


class SessionOpened(msgspec.Struct, frozen=True):
    """`session` is its secret."""

    session: str
    account: Account
    clinic: str


class Challenge(msgspec.Struct, frozen=True):
    """`id` is a secret too. `sent` is what this step sent to the user: text, email, push, or nothing."""

    id: str
    sign_in: PendingSignIn
    account: Account
    sent: str = ""


# A refusal is returned and not raised, because an exception rolls the transaction back, and with it the count of tries.
SignInResult = SessionOpened | Challenge | Refusal
