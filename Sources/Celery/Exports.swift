// What a handler or a caller names comes with `import Celery`: JSON values, requests, failures, results, queues, errors,
// and the logger of a task.
@_exported public import CeleryProtocol
@_exported public import CeleryTransport
@_exported public import Logging
