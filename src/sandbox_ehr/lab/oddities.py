"""The switches for what real FHIR servers do: one for each number of docs/reference/sandbox-fhir.md.

Numbers that are missing are left out on purpose.
"""

import msgspec


class Oddities(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Each meets requests to the FHIR server or to the authorization server, as far as it has to do with them."""

    fhir_01: bool = False
    fhir_02: bool = False
    fhir_03: bool = False
    fhir_04: bool = False
    fhir_06: bool = False
    fhir_07: bool = False
    fhir_08: bool = False
    fhir_09: bool = False
    fhir_10: bool = False
    fhir_11: bool = False
    fhir_12: bool = False
    fhir_13: bool = False
    fhir_15: bool = False
    fhir_16: bool = False
    fhir_17: bool = False
    fhir_19: bool = False
    fhir_20: bool = False
    fhir_21: bool = False
    fhir_22: bool = False
    fhir_23: bool = False
    fhir_24: bool = False
    fhir_25: bool = False
    fhir_27: bool = False
    fhir_28: bool = False
    fhir_29: bool = False
    fhir_30: bool = False
    fhir_31: bool = False
    fhir_32: bool = False
    fhir_33: bool = False
    fhir_34: bool = False
    fhir_35: bool = False
    fhir_36: bool = False
    fhir_37: bool = False
    fhir_38: bool = False
    fhir_39: bool = False
    fhir_40: bool = False
    fhir_41: bool = False
    fhir_42: bool = False
    fhir_43: bool = False
    fhir_44: bool = False
    fhir_45: bool = False
    fhir_48: bool = False
    fhir_49: bool = False
    fhir_50: bool = False

    @property
    def on(self) -> frozenset[str]:
        """The names of those that are on."""
        return frozenset(name for name in Oddities.__struct_fields__ if getattr(self, name))
