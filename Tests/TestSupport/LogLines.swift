import CeleryIO
package import Logging

/// A log that a test reads: all lines so far, or the next one that holds a text. A line is what `StreamLogHandler` would
/// write, without the time.
package final class LogLines: Sendable {
    private let level: Logger.Level
    private let kept = Locked<[String]>([])
    private let notes = Notes<String>()

    /// - Parameter level: the lowest level that is kept.
    package init(_ level: Logger.Level = .info) {
        self.level = level
    }

    /// The lines so far.
    package var lines: [String] { kept.withLock { $0 } }

    /// The next line that holds all of this; waits for it.
    package func next(_ parts: String...) async throws -> String {
        while true {
            let line = try await notes.next()
            if parts.allSatisfy(line.contains) { return line }
        }
    }

    package var logger: Logger {
        var logger = Logger(label: "test", factory: { _ in Handler(log: self) })
        logger.logLevel = level
        return logger
    }

    private struct Handler: LogHandler {
        let log: LogLines
        var logLevel = Logger.Level.info
        var metadata: Logger.Metadata = [:]

        init(log: LogLines) { self.log = log }

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let metadata = metadata.merging(event.metadata ?? [:]) { $1 }
            let pairs = metadata.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
            let line = "\(event.level): \(event.message) \(pairs.joined(separator: " "))"
            log.kept.withLock { $0.append(line) }
            log.notes.add(line)
        }
    }
}
