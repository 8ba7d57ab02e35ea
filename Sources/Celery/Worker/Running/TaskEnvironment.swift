internal import CeleryProtocol
package import CeleryTransport
package import Logging

/// What a worker lends to the tasks that it runs.
package struct TaskEnvironment: Sendable {
    let logger: Logger
    let publisher: TaskPublisher?
    let results: (any ResultStore)?
    /// The worker's handlers, which tasks such as `celery.map` call.
    let handlers: [String: TaskHandler]

    init(
        logger: Logger, publisher: TaskPublisher?, results: (any ResultStore)?, handlers: [String: TaskHandler] = [:]
    ) {
        self.handlers = handlers
        self.logger = logger
        self.publisher = publisher
        self.results = results
    }

    /// An environment of a test's own.
    package init(
        logger: Logger, broker: any Broker, results: any ResultStore, routing: Routing = .init(),
        defaultOptions: SendOptions = .init(), middleware: [any CeleryMiddleware]
    ) {
        self.init(
            logger: logger,
            publisher: TaskPublisher(
                broker: broker, routing: routing, defaults: defaultOptions, middleware: middleware,
                replyTo: RandomID.make(), logger: logger),
            results: results)
    }

    /// An environment without broker and backend, for a handler on its own.
    package init(logger: Logger) {
        self.init(logger: logger, publisher: nil, results: nil)
    }

    /// The result backend, for what can only be done with one.
    var resultsOfChords: any ResultStore {
        get throws {
            guard let results else { throw CeleryError(.noResultBackend, ChordSupport.noBackend) }
            return results
        }
    }
}
