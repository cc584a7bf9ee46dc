"""Writing patients over JSON, their insurance plans, payers, and eligibility checks."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox_ehr.api.bearer_session import require_session
from sandbox_ehr.api.chart_work import read_chart
from sandbox_ehr.api.resources import changes, creates, lists, reads
from sandbox_ehr.clinic import eligibility, insurances, patient_writes, payers
from sandbox_ehr.clinic.eligibility import CHECK, BenefitQuery, CheckQuery, NewCheck
from sandbox_ehr.clinic.insurances import INSURANCE, InsuranceChange, InsuranceQuery, NewInsurance
from sandbox_ehr.clinic.patient_writes import NewPatient, PatientChange
from sandbox_ehr.clinic.payers import PayerQuery
from sandbox_ehr.requests import query_parameters
from sandbox_ehr.responses import json_response


async def payer_list(request: Request) -> Response:
    await require_session(request, "insurance.read")
    query = query_parameters(request, PayerQuery)
    found = payers.find(query)
    page = found[query.offset : query.offset + query.limit]
    return json_response({"payers": page, "total": len(found), "offset": query.offset, "limit": query.limit})


async def benefits(request: Request) -> Response:
    session = await require_session(request, "insurance.read")
    query = query_parameters(request, BenefitQuery)
    found = await read_chart(request, session, eligibility.benefits, request.path_params["id"], query)
    page = found[query.offset : query.offset + query.limit]
    return json_response({"benefits": page, "total": len(found), "offset": query.offset, "limit": query.limit})


routes = [
    creates("patients.write", "/api/patients", "patient", NewPatient, patient_writes.create),
    changes("patients.write", "/api/patients/{id}", "patient", PatientChange, patient_writes.change),
    lists("insurance.read", INSURANCE, InsuranceQuery),
    reads("insurance.read", INSURANCE),
    creates("insurance.write", "/api/insurances", "insurance", NewInsurance, insurances.create),
    changes("insurance.write", "/api/insurances/{id}", "insurance", InsuranceChange, insurances.change),
    Route("/api/payers", payer_list, methods=["GET"]),
    lists("insurance.read", CHECK, CheckQuery),
    reads("insurance.read", CHECK),
    creates("insurance.write", "/api/eligibility-checks", "eligibility_check", NewCheck, eligibility.create),
    Route("/api/eligibility-checks/{id}/benefits", benefits, methods=["GET"]),
]
