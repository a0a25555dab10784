"""Take delivery reports: POST or GET /v1/reports/{provider}/{token}, or events of AWS."""

from verification.api.reports.handler import make_reports_handler
from verification.wiring import Stack

stack = Stack()

handler = make_reports_handler(stack.take_report(), stack.telemetry)
stack.prove()
