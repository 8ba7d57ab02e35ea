internal import CeleryTransport
internal import UnixSignals

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// Ends what a command does when the user wants it to.
enum SignalWatch {
    /// Runs `body`, which SIGINT or SIGTERM cancels. A second one ends the process at once.
    ///
    /// - Returns: the signal's number, if it was one that ended it.
    static func run(_ body: @escaping @Sendable () async throws -> Void) async throws -> Int32? {
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        return try await withThrowingTaskGroup(of: Int32?.self) { group in
            group.addTask {
                try await body()
                return nil
            }
            group.addTask {
                for await signal in signals { return signal == .sigint ? 2 : 15 }
                return nil
            }
            let first = try await group.next() ?? nil
            group.cancelAll()
            guard first != nil else { return nil }
            signal(SIGTERM, SIG_DFL)
            signal(SIGINT, SIG_DFL)
            // It ends in good order first.
            do {
                while try await group.next() != nil {}
            } catch is CancellationError {
            }
            return first
        }
    }
}
