internal import CeleryProtocol
public import Logging

/// A broker within this process (`memory://`), for tests: messages go through the same envelope as on Redis, and as
/// there priority 0 is served first.
///
/// Copies of the value are the same broker.
public struct MemoryBroker: Broker {
    private let store: MemoryStore

    /// Makes a broker of its own, with no messages.
    public init() { store = MemoryStore() }

    /// Makes a broker all of whose consumers are known beforehand.
    ///
    /// - Parameters:
    ///   - consumed: the queues that are consumed.
    ///   - onUnserved: called with the id of a task whose message has gone to none of them, and where it is.
    package init(consumed: Set<String>, onUnserved: @escaping @Sendable (_ id: String, _ place: String) -> Void) {
        store = MemoryStore(consumed: consumed, onUnserved: onUnserved)
    }

    /// `memory://`.
    public var location: String { "memory://" }

    /// A producer for this broker.
    public func makeProducer(logger: Logger) async throws -> any Producer {
        MemoryProducer(store)
    }

    /// A consumer of this broker's queues.
    public func makeConsumer(_ configuration: ConsumerConfiguration, logger: Logger) async throws -> any Consumer {
        let consumer = MemoryConsumer(store, configuration)
        store.declare(configuration.queues)
        store.add(consumer)
        return consumer
    }

    /// The envelopes that wait in a queue, the next one first; `<queue>.dead-letter` holds what could not be run.
    public func envelopes(in queue: String) -> [[UInt8]] {
        store.envelopes(in: queue)
    }

    /// Puts an envelope into a queue as it is, whatever it holds.
    public func push(_ envelope: [UInt8], to queue: String) {
        let priority: Int?
        do {
            priority = try KombuEnvelope.decode(envelope).properties.priority
        } catch {
            // It is for whoever receives it to find out.
            priority = nil
        }
        store.push(MemoryQueue.Item(envelope: envelope, priority: priority ?? 0), to: queue)
    }
}

extension Broker where Self == MemoryBroker {
    /// A new broker within this process.
    public static var memory: MemoryBroker { MemoryBroker() }
}
