internal import Celery
internal import CeleryProtocol
internal import DequeModule

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Events as lines for people, as `celery events --dump` has them; each on one line, whatever is in it.
struct EventLine {
    /// The names and arguments of so many tasks are remembered, to be shown with what becomes of them.
    private static let mostTasks = 4095

    private var calls: [String: String] = [:]
    private var order: Deque<String> = []

    /// The line of an event.
    mutating func line(_ event: CeleryEvent) -> String {
        var hidden: Set = ["type", "hostname", "timestamp"]
        var call = ""
        if let id = event.taskID {
            hidden.insert("uuid")
            if let made = Self.call(event, id) {
                call = made
                hidden.formUnion(["name", "args", "kwargs"])
                remember(made, id)
            } else {
                call = calls[id] ?? ""
            }
            call += " "
        }
        var fields = event.fields
        fields.removeAll { key, _ in hidden.contains(key) }
        fields["clock"] = .integer(event.clock)
        fields["local_received"] = .double(event.received.timeIntervalSince1970)
        let shown = fields.entries.sorted { $0.key < $1.key }.map { "\(Self.text($0.key))=\(Self.text($0.value))" }
        return "\(Self.text(event.node)) [\(Self.time(event.timestamp))] \(Self.kind(event.type)): "
            + "\(call)\(shown.joined(separator: ", "))"
    }

    private mutating func remember(_ call: String, _ id: String) {
        guard calls.updateValue(call, forKey: id) == nil else { return }
        order.append(id)
        if order.count > Self.mostTasks, let oldest = order.popFirst() { calls[oldest] = nil }
    }

    private static func call(_ event: CeleryEvent, _ id: String) -> String? {
        switch event.content {
        case .taskSent(let call, _, _, _), .taskReceived(let call):
            let (arguments, keywords) = (call.arguments ?? "None", call.keywords ?? "None")
            return "\(text(call.name ?? "None"))(\(text(id))) args=\(text(arguments)) kwargs=\(text(keywords))"
        default: return nil
        }
    }

    private static func kind(_ type: String) -> String {
        switch type.lowercased() {
        case "worker-offline": "shutdown"
        case "worker-online": "started"
        case "worker-heartbeat": "heartbeat"
        case let other: text(other.replacing("-", with: " "))
        }
    }

    /// In UTC, as Python's `str` shows a time.
    static func time(_ date: Date) -> String {
        do {
            return try PythonDateTime(date).isoFormat.replacing("T", with: " ")
        } catch {
            return "-"
        }
    }

    private static func text(_ value: JSONValue) -> String { text(value.shownText ?? "None") }

    private static func text(_ text: String) -> String { LogText(text, limit: .max).description }
}
