internal import CeleryProtocol
internal import Logging

/// Has each line of this library, its brokers and its result backends stay one short line: whatever a message, a peer or a
/// server has put into the metadata of one goes through ``LogText``. The lines of users' own are not touched.
struct LineLogHandler: LogHandler {
    /// Above what one ``LogText`` gives, so that what is fit already stays as it is.
    private static let limit = LogText.usualLimit + 100

    private var handler: any LogHandler

    init(_ handler: any LogHandler) { self.handler = handler }

    var logLevel: Logger.Level {
        get { handler.logLevel }
        set { handler.logLevel = newValue }
    }

    var metadata: Logger.Metadata {
        get { handler.metadata }
        set { handler.metadata = newValue }
    }

    var metadataProvider: Logger.MetadataProvider? {
        get { handler.metadataProvider }
        set { handler.metadataProvider = newValue }
    }

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { handler[metadataKey: key] }
        set { handler[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) {
        guard let metadata = event.metadata else { return handler.log(event: event) }
        var event = event
        event.metadata = metadata.mapValues(Self.fit)
        handler.log(event: event)
    }

    private static func fit(_ value: Logger.MetadataValue) -> Logger.MetadataValue {
        switch value {
        case .string(let text): .string(LogText(text, limit: limit).description)
        case .stringConvertible(let value) where value is Double || value is Bool: .stringConvertible(value)
        case .stringConvertible(let value): .string(LogText("\(value)", limit: limit).description)
        case .array(let values): .array(values.prefix(largestCount).map(fit))
        case .dictionary(let values): .dictionary(values.mapValues(fit))
        @unknown default: value
        }
    }

    private static let largestCount = 100
}

extension Logger {
    /// The logger for this library's own lines.
    var ofTheLibrary: Logger {
        var logger = self
        logger.handler = LineLogHandler(handler)
        return logger
    }
}
