internal import CeleryTransport

extension Queue {
    /// What this queue is declared with that Redis has not, by RabbitMQ's names.
    var meaninglessOnRedis: [String] {
        var names: [String] = []
        if !isDurable { names.append("durable") }
        if isAutoDelete { names.append("auto_delete") }
        if kind != .classic { names.append("x-queue-type") }
        if maxPriority != nil { names.append("x-max-priority") }
        if expires != nil { names.append("x-expires") }
        return names + arguments.map(\.key).filter { !names.contains($0) }
    }
}
