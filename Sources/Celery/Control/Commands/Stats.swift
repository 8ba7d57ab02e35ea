internal import CeleryIO
internal import CeleryProtocol

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

extension ControlCommand {
    /// `stats`: how much the worker has done, and what it is.
    static let stats = ControlCommand("stats") { state, _ in
        let pid = JSONValue.integer(Int(ProcessInfo.processInfo.processIdentifier))
        var total: JSONObject = [:]
        for (name, count) in state.slots.active.totals.sorted(by: { $0.key < $1.key }) { total[name] = .integer(count) }
        return [
            "total": .object(total), "pid": pid, "clock": .string(String(state.clock.current)),
            "uptime": .integer(Int((ContinuousClock.now - state.startedAt).components.seconds)),
            "pool": [
                "implementation": "celery-swift", "max-concurrency": .integer(state.slots.pool.count),
                // Tasks share one process.
                "processes": [pid], "max-tasks-per-child": "N/A", "put-guarded-by-semaphore": false,
                "timeouts": [
                    .seconds(state.options.softTimeLimit ?? .zero), .seconds(state.options.timeLimit ?? .zero),
                ],
                // Handlers that run on though their tasks have ended.
                "strays": .integer(state.slots.pool.strays), "max-strays": .integer(state.slots.pool.strayLimit),
            ],
            "broker": broker(at: state.locations.broker), "prefetch_count": .integer(state.intake.prefetch),
            "rusage": .object(usage),
        ]
    }

    private static var usage: JSONObject {
        var usage: JSONObject = [:]
        let (seconds, counts) = ResourceUsage.current
        for (name, value) in seconds { usage[name] = .double(value) }
        for (name, value) in counts { usage[name] = .integer(value) }
        return usage
    }

    /// As kombu's `Connection.info` shows it, as far as it means something here.
    private static func broker(at location: String) -> JSONValue {
        var info: JSONObject = [
            "hostname": nil, "userid": nil, "virtual_host": nil, "port": nil, "insist": false, "ssl": false,
            "transport": nil, "connect_timeout": 4, "transport_options": [:], "login_method": nil, "uri_prefix": nil,
            "heartbeat": nil, "failover_strategy": "round-robin", "alternates": [], "credential_provider": nil,
        ]
        let locations = location.split(separator: ";").map(String.init)
        // What can be connected to can be read; the memory broker's has no host.
        if let first = locations.first, let url = Result(catching: { try ServerURL(first) }).value {
            info["hostname"] = url.host.isEmpty ? .null : .string(url.host)
            info["userid"] = url.user.map(JSONValue.string) ?? .null
            info["virtual_host"] = .string(url.path.isEmpty ? "/" : url.path)
            info["port"] = url.port.map(JSONValue.integer) ?? .null
            info["transport"] = .string(url.scheme)
            info["alternates"] = .array(locations.dropFirst().map(JSONValue.string))
        }
        return .object(info)
    }
}

extension Result {
    fileprivate var value: Success? {
        if case .success(let value) = self { value } else { nil }
    }
}
