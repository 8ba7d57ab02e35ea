internal import Logging

/// Keeps every line, and passes on those that the handler behind it wants.
struct RecordingLogHandler: LogHandler {
    let recorder: Recorder
    var handler: any LogHandler
    /// The level of the logger that was given.
    private let passedLevel: Logger.Level
    var logLevel: Logger.Level

    init(recorder: Recorder, handler: any LogHandler) {
        self.recorder = recorder
        self.handler = handler
        passedLevel = handler.logLevel
        logLevel = .trace
    }

    var metadata: Logger.Metadata {
        get { handler.metadata }
        set { handler.metadata = newValue }
    }

    subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { handler[metadataKey: key] }
        set { handler[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) {
        recorder.add(
            Recording.LogLine(level: event.level, message: "\(event.message)", metadata: event.metadata ?? [:]))
        if event.level >= passedLevel { handler.log(event: event) }
    }
}
