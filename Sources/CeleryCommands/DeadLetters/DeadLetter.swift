internal import Celery
internal import CeleryProtocol
internal import CeleryTesting

/// A message that could not be run, or that a broker has put aside.
struct DeadLetter: Sendable {
    /// The members of its case in a file of fixtures.
    let fields: JSONObject
    /// The task's name; `nil` where the message does not say it.
    let task: String?
    let id: String?
    private let fixture: Fixture?
    private let headers: JSONObject

    init(_ fields: JSONObject) {
        self.fields = fields
        fixture = Fixture(fields)
        if case .success(let message)? = fixture?.message { headers = message.headers } else { headers = [:] }
        // A message whose request makes no sense names its task all the same.
        task = fixture?.task ?? headers["task"]?.stringValue
        id = headers["id"]?.stringValue
    }

    /// What RabbitMQ has written of its last death.
    private var death: JSONObject { headers["x-death"]?.arrayValue?.first?.objectValue ?? [:] }
    private var timeOfDeath: String? { death["time"]?.objectValue?["__value__"]?.stringValue }

    /// Which message it is.
    var label: String { "\(task ?? "unreadable")\(id.map { "[\($0)]" } ?? "")" }

    /// The message in one line.
    var line: String {
        var text = fixture.map { FixtureLine($0).description } ?? label
        guard let queue = death["queue"]?.stringValue else { return text }
        text += " died in \(LogText.name(queue))"
        if let reason = death["reason"]?.stringValue { text += ": \(LogText.name(reason))" }
        if let time = timeOfDeath { text += " at \(LogText.name(time))" }
        return text
    }

    /// What `list --json` shows.
    var summary: JSONValue {
        var summary: JSONObject = [
            "task": task.map(JSONValue.string) ?? .null, "id": id.map(JSONValue.string) ?? .null, "args": .null,
            "kwargs": .null, "retries": .null, "error": .null, "died_in": death["queue"] ?? .null,
            "reason": death["reason"] ?? .null, "time": timeOfDeath.map(JSONValue.string) ?? .null,
            "deaths": death["count"] ?? .null,
        ]
        guard let fixture else { return .object(summary) }
        do {
            let request = try fixture.request()
            summary["retries"] = .integer(request.retries)
            let payload = try fixture.payload()
            summary["args"] = .string(request.argsrepr ?? PythonRepr.saferepr(arguments: payload.args))
            summary["kwargs"] = .string(request.kwargsrepr ?? PythonRepr.saferepr(.object(payload.kwargs)))
        } catch {
            summary["error"] = .string("\(error)")
        }
        return .object(summary)
    }

    /// All that the message holds, in lines.
    var details: [String] {
        guard case .success(let message)? = fixture?.message else { return PrettyReply.lines(.object(fields)) }
        let body: JSONValue
        do {
            body = try JSONValue(json: message.body)
        } catch {
            body = .string(String(decoding: message.body, as: UTF8.self))
        }
        return PrettyReply.lines(["headers": .object(message.headers), "body": body])
    }
}
