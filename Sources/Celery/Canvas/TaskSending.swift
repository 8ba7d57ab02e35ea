internal import CeleryProtocol

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// When, where and how a task of a canvas is sent, as the options of its signature say. They may come from outside: what
/// makes no sense is an error, as it is in Python, and not left out, with which the task would go astray.
struct TaskSending {
    var options: SendOptions
    /// How the broker keeps the message (`delivery_mode`); `nil` for what is usual.
    var deliveryMode: Int?

    /// Reads them.
    ///
    /// - Throws: ``MessageError`` that names the option and the task.
    init(_ task: CanvasTask) throws(MessageError) {
        do {
            try self.init(task.options)
        } catch {
            let name = PythonRepr.quoted(task.request.task)
            throw MessageError(error.code, "\(error.reason) among the options of the task \(name)")
        }
    }

    private init(_ options: JSONObject) throws(MessageError) {
        self.options = SendOptions(
            countdown: try options.duration("countdown"),
            queue: try options.queueName(),
            exchange: try options.name("exchange"),
            routingKey: try options.name("routing_key"),
            priority: try options.wholeNumber("priority"),
            isCompressed: try options.compression()
        )
        if self.options.eta == nil { self.options.eta = try options.time("eta") }
        if let seconds = options["expires"]?.doubleValue {
            self.options.expires = .after(try Duration.valid(seconds, options["expires"], "expires"))
        } else {
            self.options.expires = try options.time("expires")
        }
        if let serializer = try options.name("serializer"), serializer != "json" {
            throw MessageError(.invalidTask, "the serializer \(PythonRepr.quoted(serializer)) is not built")
        }
        try options.checkRetryPolicy()
        deliveryMode = try options.deliveryMode()
    }
}

extension JSONObject {
    /// A text, or none.
    fileprivate func name(_ key: String) throws(MessageError) -> String? {
        guard let value = self[key], !value.isNull else { return nil }
        guard let text = value.text else { throw .invalid(key, value) }
        return text
    }

    /// A queue's name, or that of a queue which is written with all that belongs to it.
    fileprivate func queueName() throws(MessageError) -> String? {
        guard let queue = self["queue"]?.objectValue else { return try name("queue") }
        guard let text = queue["name"]?.text else { throw .invalid("queue", .object(queue)) }
        return text
    }

    /// A whole number, or none.
    fileprivate func wholeNumber(_ key: String) throws(MessageError) -> Int? {
        guard let value = self[key], !value.isNull else { return nil }
        guard let number = value.integerValue else { throw .invalid(key, value) }
        return number
    }

    /// The number of a delivery mode, or its name in kombu.
    fileprivate func deliveryMode() throws(MessageError) -> Int? {
        switch self["delivery_mode"] {
        case "transient"?: 1
        case "persistent"?: 2
        default: try wholeNumber("delivery_mode")
        }
    }

    /// A number of seconds, or none.
    fileprivate func duration(_ name: String) throws(MessageError) -> Duration? {
        guard let value = self[name], !value.isNull else { return nil }
        return try Duration.valid(value.doubleValue, value, name)
    }

    /// A time, as kombu writes a `datetime` or as its text, or none.
    fileprivate func time(_ name: String) throws(MessageError) -> SendOptions.Time? {
        guard let value = self[name], !value.isNull else { return nil }
        do {
            return .at(try JSONValueDecoder().decode(Date.self, from: value))
        } catch {
            // Left out it would be worse than an error: the task would run at once, or for ever after.
            throw .invalid(name, value)
        }
    }

    /// Whether the body is to be compressed; with another method than zlib it is not, which every worker reads as well.
    fileprivate func compression() throws(MessageError) -> Bool? {
        switch try name("compression") {
        case nil: nil
        case "gzip"?, "zlib"?, "application/x-gzip"?: true
        default: false
        }
    }

    /// How sending is tried again is read where it is.
    fileprivate func checkRetryPolicy() throws(MessageError) {
        guard let value = self["retry_policy"], !value.isNull else { return }
        guard let policy = value.objectValue else { throw .invalid("retry_policy", value) }
        if let most = policy["max_retries"], !most.isNull, most.integerValue == nil {
            throw .invalid("retry_policy.max_retries", most)
        }
    }
}

extension Duration {
    fileprivate static func valid(
        _ seconds: Double?, _ value: JSONValue?, _ name: String
    ) throws(MessageError) -> Duration {
        guard let duration = seconds.flatMap(Duration.init(seconds:)) else {
            throw .invalid(name, value ?? .null)
        }
        return duration
    }
}
