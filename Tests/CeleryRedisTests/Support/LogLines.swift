import CeleryIO
import Logging
import TestSupport

/// A log that a test reads: all lines so far, or the next one that holds a text.
final class LogLines: Sendable {
    private let kept = Locked<[String]>([])
    private let notes = Notes<String>()

    /// The lines so far, of the levels from `info` on.
    var lines: [String] { kept.withLock { $0 } }

    /// The next line that holds all of this; waits for it.
    func next(_ parts: String...) async throws -> String {
        while true {
            let line = try await notes.next()
            if parts.allSatisfy(line.contains) { return line }
        }
    }

    var logger: Logger {
        var logger = Logger(label: "test", factory: { _ in Handler(log: self) })
        logger.logLevel = .info
        return logger
    }

    private struct Handler: LogHandler {
        let log: LogLines
        var logLevel = Logger.Level.info
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let pairs = (event.metadata ?? [:]).sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            let line = "\(event.level): \(event.message) \(pairs.joined(separator: " "))"
            log.kept.withLock { $0.append(line) }
            log.notes.add(line)
        }
    }
}
