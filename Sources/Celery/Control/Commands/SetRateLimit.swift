internal import CeleryProtocol
internal import CeleryTransport

extension ControlCommand {
    /// `rate_limit`: how often tasks of a name may start.
    static let rateLimit = ControlCommand("rate_limit") { state, arguments in
        try arguments.demand("task_name", "rate_limit")
        let limit: RateLimit
        do throws(ControlError) {
            limit = try RateLimit(arguments["rate_limit"] ?? .null)
        } catch {
            guard error.type == "ValueError" else { throw error }
            return .error("Invalid rate limit string: \(error)")
        }
        guard let name = arguments["task_name"]?.stringValue, state.handlers[name] != nil else {
            return .error("unknown task")
        }
        state.slots.rateLimits.set(name, limit)
        state.logger.info("new rate limit", metadata: ["name": "\(LogText(name))", "limit": "\(limit)"])
        return .ok(limit.isNone ? "rate limit disabled successfully" : "new rate limit set successfully")
    }
}
