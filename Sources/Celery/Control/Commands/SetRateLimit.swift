internal import CeleryProtocol
internal import CeleryTransport

extension ControlCommand {
    /// `rate_limit`: how often tasks of a name may start.
    static let rateLimit = ControlCommand("rate_limit") { state, arguments in
        try arguments.demand("task_name", "rate_limit")
        let given = arguments["rate_limit"] ?? .null
        let limit: RateLimit
        do throws(ControlError) {
            limit = try RateLimit(given)
        } catch {
            guard error.type == "ValueError" else { throw error }
            return .error("Invalid rate limit string: \(error)")
        }
        guard let name = arguments["task_name"]?.stringValue, state.handlers[name] != nil else {
            return .error("unknown task")
        }
        state.slots.rateLimits.set(name, limit)
        state.logger.info("new rate limit", metadata: ["name": "\(LogText(name))", "limit": "\(limit)"])
        return .ok(given.isTruthy ? "new rate limit set successfully" : "rate limit disabled successfully")
    }
}
