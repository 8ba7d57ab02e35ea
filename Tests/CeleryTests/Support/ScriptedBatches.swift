import CeleryIO
import CeleryProtocol
import CeleryTransport
import Logging
import TestSupport

/// Takes messages, and confirms them when a test says so: those of a batch, or a single one, together.
final class ScriptedBatches: Broker {
    /// Messages that wait to be confirmed.
    struct Batch: Sendable {
        let count: Int
        fileprivate let waiter: Waiter<[Int: any Error]>

        /// Confirms all but some, by their positions.
        func confirm(except failures: [Int: any Error] = [:]) { waiter.settle(.success(failures)) }
    }

    private struct State {
        var taken: [String] = []
        var underWay = 0
        var mostUnderWay = 0
        var cancelled = 0
        var connections = 0
        var batches = 0
    }

    /// Batches that were begun.
    let begun = Notes<Batch>()
    private let state = Locked(State())

    /// The ids of the tasks that are confirmed.
    var taken: [String] { state.withLock { $0.taken } }
    /// How many batches waited at a time, at most.
    var mostUnderWay: Int { state.withLock { $0.mostUnderWay } }
    /// How many batches were cancelled.
    var cancelled: Int { state.withLock { $0.cancelled } }
    /// How many batches were begun.
    var batches: Int { state.withLock { $0.batches } }
    /// How many connections were made.
    var connections: Int { state.withLock { $0.connections } }

    var location: String { "scripted://" }

    func makeProducer(logger: Logger) async throws -> any Producer {
        state.withLock { $0.connections += 1 }
        return ScriptedProducer(broker: self)
    }

    func makeConsumer(_ configuration: ConsumerConfiguration, logger: Logger) async throws -> any Consumer {
        throw TransportError(.unsupported, "nothing is consumed here")
    }

    private struct ScriptedProducer: Producer {
        let broker: ScriptedBatches

        func publish(_ message: Message, to destination: Destination) async throws {
            if let error = await publish(contentsOf: [(message, destination)])[0] { throw error }
        }

        func publish(contentsOf messages: [(message: Message, destination: Destination)]) async -> [Int: any Error] {
            let waiter = Waiter<[Int: any Error]>()
            broker.state.withLock { state in
                state.batches += 1
                state.underWay += 1
                state.mostUnderWay = max(state.mostUnderWay, state.underWay)
            }
            broker.begun.add(Batch(count: messages.count, waiter: waiter))
            let failures: [Int: any Error]
            do {
                failures = try await waiter.value()
            } catch {
                broker.state.withLock { $0.cancelled += 1 }
                failures = Dictionary(uniqueKeysWithValues: messages.indices.map { ($0, error) })
            }
            broker.state.withLock { state in
                state.underWay -= 1
                for (position, message) in messages.enumerated() where failures[position] == nil {
                    state.taken.append(message.message.headers["id"]?.stringValue ?? "")
                }
            }
            return failures
        }

        func close() async {}
    }
}
