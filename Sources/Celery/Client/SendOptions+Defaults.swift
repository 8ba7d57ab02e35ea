internal import CeleryProtocol

extension SendOptions {
    /// These options as what holds for calls that say nothing else; `nil` where they say nothing.
    ///
    /// - Throws: ``CeleryError`` when they name an id, which only one task can have.
    func asDefaults() throws -> SendOptions? {
        guard id == nil else { throw CeleryError(.invalidArgument, "the default options cannot hold a task's id") }
        return self == SendOptions() ? nil : self
    }

    /// Takes over what is not said here. Where to send it is one thing: if anything of that is said all of it counts.
    mutating func complete(_ request: inout TaskRequest, with defaults: SendOptions) {
        eta = eta ?? defaults.eta
        expires = expires ?? defaults.expires
        if queue == nil, exchange == nil, routingKey == nil {
            (queue, exchange, routingKey) = (defaults.queue, defaults.exchange, defaults.routingKey)
        }
        priority = priority ?? defaults.priority
        isCompressed = isCompressed ?? defaults.isCompressed
        request.shadow = request.shadow ?? defaults.shadow
        if request.writtenTimeLimit.isNull { request.timeLimit = defaults.timeLimit }
        if request.writtenSoftTimeLimit.isNull { request.softTimeLimit = defaults.softTimeLimit }
        request.ignoreResult = request.ignoreResult ?? defaults.ignoreResult
        for (name, value) in defaults.headers where request.headers[name] == nil { request.headers[name] = value }
    }
}
