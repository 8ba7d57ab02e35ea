"""A Python app whose worker writes spans: a line of JSON for each, to the file that TRACED_SPANS names.

`traced.start` calls a Swift task that is known here by its name alone, and so gets the spans of Python's instrumentation.
"""
import json
import os

from celery import Celery
from opentelemetry import baggage, context, trace
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult

app = Celery("traced", broker=os.environ["CELERY_BROKER_URL"], backend=os.environ["CELERY_RESULT_BACKEND"])
app.conf.update(
    task_routes={"swift.*": {"queue": "watched"}, "traced.*": {"queue": "traced"}},
    broker_connection_retry_on_startup=True)


class FileExporter(SpanExporter):
    def export(self, spans):
        with open(os.environ["TRACED_SPANS"], "a") as file:
            for span in spans:
                own = span.get_span_context()
                file.write(json.dumps({
                    "name": span.name, "kind": span.kind.name.lower(), "trace": f"{own.trace_id:032x}",
                    "span": f"{own.span_id:016x}", "parent": f"{span.parent.span_id:016x}" if span.parent else None,
                    "attributes": {key: str(value) for key, value in span.attributes.items()}}) + "\n")
        return SpanExportResult.SUCCESS


provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(FileExporter()))
CeleryInstrumentor().instrument(tracer_provider=provider)


@app.task(name="swift.relay")
def relay(task):
    raise NotImplementedError("it runs in Swift")


@app.task(name="swift.mul")
def mul(x, y):
    raise NotImplementedError("it runs in Swift")


@app.task(name="traced.start")
def start():
    token = context.attach(baggage.set_baggage("tenant", "north"))
    try:
        relay.delay("traced.leaf")
        (mul.s(6, 7) | end.s().set(queue="traced")).delay()
    finally:
        context.detach(token)


@app.task(name="traced.leaf")
def leaf():
    trace.get_current_span().set_attribute("tenant", str(baggage.get_baggage("tenant")))


@app.task(name="traced.end")
def end(product):
    trace.get_current_span().set_attribute("product", product)
