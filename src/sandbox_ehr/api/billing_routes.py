"""Claims and payments over JSON."""

from sandbox_ehr.api.resources import creates, lists, reads
from sandbox_ehr.clinic import claims, payments
from sandbox_ehr.clinic.claims import CLAIM, ClaimQuery, NewClaim
from sandbox_ehr.clinic.payments import PAYMENT, NewPayment, PaymentQuery

routes = [
    lists("billing.read", CLAIM, ClaimQuery),
    reads("billing.read", CLAIM),
    creates("billing.write", "/api/claims", "claim", NewClaim, claims.create),
    lists("billing.read", PAYMENT, PaymentQuery),
    reads("billing.read", PAYMENT),
    creates("billing.write", "/api/payments", "payment", NewPayment, payments.create),
]
