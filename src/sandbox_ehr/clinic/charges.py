"""What a visit costs: its procedure codes, their prices, and the states of a claim."""

from decimal import Decimal

from sandbox_ehr.clinic.practice import Code

# By visit type: CPT code, what it is, and the price in dollars.
CHARGES = {
    "NP": ("99203", "Office visit, new patient", "210.00"),
    "FU": ("99213", "Office visit, established patient", "140.00"),
    "PHYS": ("99396", "Preventive visit, established patient", "260.00"),
    "SICK": ("99213", "Office visit, established patient", "140.00"),
    "TELE": ("99442", "Telehealth visit", "110.00"),
    "PROC": ("11102", "Tangential biopsy of skin", "320.00"),
}
OTHER_PRICE = "75.00"
PRICES = {code: price for code, _, price in CHARGES.values()}
TEXTS = {code: text for code, text, _ in CHARGES.values()}
CLAIM_STATUSES = (
    Code("10RD", "Ready to send"),
    Code("20SB", "Submitted"),
    Code("30RJ", "Rejected by the payer"),
    Code("48CL", "Closed"),
)
PAYMENT_METHODS = (
    Code("PM1", "Cash"),
    Code("PM2", "Check"),
    Code("PM3", "Card"),
    Code("PM4", "Electronic transfer"),
)


def money(amount: Decimal | str | float) -> str:
    """Dollars with two digits after the point, as the API sends them."""
    return f"{Decimal(amount):.2f}"
