// What a handler or a caller names comes with `import Celery`: JSON values, requests, failures, results, queues, errors.
@_exported public import CeleryProtocol
@_exported public import CeleryTransport
