"""Lists that the practice keeps, whose ids or names other calls take."""

from __future__ import annotations

from typing import Protocol

import msgspec

from cobalt_link.connector.chart import Chart
from cobalt_link.connector.models.reading import Read, Records


class DocumentFolder(msgspec.Struct, frozen=True, kw_only=True):
    """Where documents are filed: `name` is the `folder_name` of a document."""

    ehr_id: str
    name: str
    active: bool = True


class PhoneCallType(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of phone call: `ehr_id` is the `phone_call_type_id` of a task."""

    ehr_id: str
    name: str
    active: bool = True


class PaymentMethod(msgspec.Struct, frozen=True, kw_only=True):
    """A way to pay: `name` is the `payment_method` of a payment."""

    ehr_id: str
    name: str
    active: bool = True


class StaffMember(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who signs in to the EHR: `ehr_id` is the id of an assignee. `role` is the EHR's own word."""

    ehr_id: str
    name: str
    username: str | None = None
    role: str | None = None
    active: bool = True


class ReadsDocumentFolders(Protocol):
    """`[reads] document_folders`."""

    def document_folders(self, chart: Chart) -> Records[DocumentFolder]:
        """All folders."""
        ...


class ReadsPhoneCallTypes(Protocol):
    """`[reads] phone_call_types`."""

    def phone_call_types(self, chart: Chart) -> Records[PhoneCallType]:
        """All kinds of phone calls."""
        ...


class ReadsPaymentMethods(Protocol):
    """`[reads] payment_methods`."""

    def payment_methods(self, chart: Chart) -> Records[PaymentMethod]:
        """All ways to pay."""
        ...


class ReadsEhrUsers(Protocol):
    """`[reads] ehr_users`."""

    def ehr_users(self, chart: Chart) -> Records[StaffMember]:
        """All users of the EHR at this practice, inactive ones included."""
        ...


DOCUMENT_FOLDERS = Read(
    protocol=ReadsDocumentFolders,
    record=DocumentFolder,
    topics={DocumentFolder: {"directory": "ehr_id name active"}},
)
PHONE_CALL_TYPES = Read(
    protocol=ReadsPhoneCallTypes,
    record=PhoneCallType,
    topics={PhoneCallType: {"directory": "ehr_id name active"}},
)
PAYMENT_METHODS = Read(
    protocol=ReadsPaymentMethods,
    record=PaymentMethod,
    topics={PaymentMethod: {"directory": "ehr_id name active"}},
)
EHR_USERS = Read(
    protocol=ReadsEhrUsers,
    record=StaffMember,
    topics={StaffMember: {"directory": "ehr_id name username role active"}},
)
