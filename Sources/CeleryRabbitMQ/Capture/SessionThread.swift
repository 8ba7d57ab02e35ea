internal import CeleryIO
internal import CeleryTransport

/// A thread for calls that block, which ends with this value.
final class SessionThread: ConnectionDriver {
    private let thread: ConnectionThread

    init(name: String) throws(TransportError) {
        do throws(IOError) {
            thread = try ConnectionThread(name: name)
            try thread.start(driving: self)
        } catch {
            throw TransportError(.unreachable, error.description, underlyingError: error)
        }
    }

    deinit { thread.stop() }

    func run(_ body: @Sendable () throws -> Void) async throws {
        try await BlockingCalls(on: thread).run(body)
    }

    func prepareToWait() -> PollRequest { .nothing }

    func respond(isReadable: Bool, isWritable: Bool) {}
}
