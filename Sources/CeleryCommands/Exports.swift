// What a worker program names beside its handlers.
@_exported public import Celery

@_exported public import protocol ServiceLifecycle.Service
