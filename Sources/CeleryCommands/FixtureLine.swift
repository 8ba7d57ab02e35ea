internal import Celery
internal import CeleryProtocol
internal import CeleryTesting

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// A captured message in one line, for people.
struct FixtureLine: CustomStringConvertible {
    private let fixture: Fixture

    init(_ fixture: Fixture) { self.fixture = fixture }

    /// Which message it is: the task and its id, or the fixture's name.
    var label: String {
        do {
            let request = try fixture.request()
            return "\(request.task)[\(request.id)]"
        } catch {
            return fixture.name
        }
    }

    var description: String {
        let request: TaskRequest
        do {
            request = try fixture.request()
        } catch {
            return LogText("\(label): \(error)").description
        }
        var parts = [label]
        do {
            let payload = try fixture.payload()
            parts.append("args=\(request.argsrepr ?? PythonRepr.saferepr(arguments: payload.args))")
            parts.append("kwargs=\(request.kwargsrepr ?? PythonRepr.saferepr(.object(payload.kwargs)))")
            parts += followers(payload)
        } catch {
            parts.append("unreadable: \(error)")
        }
        if let eta = request.eta { parts.append("eta=\(eta.formatted(.iso8601))") }
        if let expires = request.expires { parts.append("expires=\(expires.formatted(.iso8601))") }
        if request.retries > 0 { parts.append("retries=\(request.retries)") }
        if let priority = request.priority, priority != 0 { parts.append("priority=\(priority)") }
        if let group = request.group { parts.append("group=\(group)") }
        if let origin = request.origin { parts.append("origin=\(origin)") }
        if !fixture.queue.isEmpty { parts.append("queue=\(fixture.queue)") }
        return LogText(parts.joined(separator: " "), limit: 2000).description
    }

    /// What comes after the task, by its names.
    private func followers(_ payload: TaskPayload) -> [String] {
        func names(_ signatures: [JSONValue]) -> String {
            signatures.map { $0.objectValue?["task"]?.stringValue ?? "?" }.joined(separator: ",")
        }
        var parts: [String] = []
        if let chain = payload.chain, !chain.isEmpty { parts.append("chain=\(names(chain.reversed()))") }
        if let chord = payload.chord { parts.append("chord=\(names([chord]))") }
        if !payload.callbacks.isEmpty { parts.append("link=\(names(payload.callbacks))") }
        if !payload.errbacks.isEmpty { parts.append("link_error=\(names(payload.errbacks))") }
        return parts
    }
}
