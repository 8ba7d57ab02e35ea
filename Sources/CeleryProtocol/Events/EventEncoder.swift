/// Writes the events of one node, with their keys in Celery's order.
package struct EventEncoder: Sendable {
    /// What all begin with, up to the clock.
    private let head: [UInt8]

    /// - Parameters:
    ///   - hostname: the name of the node.
    ///   - pid: the id of its process.
    package init(hostname: String, pid: Int) {
        // In UTC, as the timestamps are: receivers add the difference to their own time zone, though nothing is to be added.
        let common: JSONObject = ["hostname": .string(hostname), "utcoffset": 0.0, "pid": .integer(pid)]
        head = common.serialized().dropLast() + Array(#", "clock": "#.utf8)
    }

    /// Appends an event.
    ///
    /// - Parameters:
    ///   - type: such as `task-succeeded`.
    ///   - fields: what this type of event says.
    ///   - clock: the node's logical clock.
    ///   - timestamp: in seconds since 1970.
    package func write(
        _ type: String, _ fields: JSONObject, clock: Int, timestamp: Double, to bytes: inout [UInt8]
    ) {
        var writer = JSONWriter(capacity: 512)
        writer.append(contentsOf: head)
        writer.write(clock)
        for (key, value) in fields.entries {
            writer.write(literal: ", ")
            writer.write(key: key)
            writer.write(literal: ": ")
            writer.write(value)
        }
        writer.write(literal: ", \"timestamp\": ")
        writer.write(timestamp)
        writer.write(literal: ", \"type\": ")
        writer.write(type)
        writer.append(UInt8(ascii: "}"))
        bytes.append(contentsOf: writer.written)
    }
}

extension Message {
    /// A message with an event, or with a list of some.
    package static func event(_ body: [UInt8], of node: String) -> Message {
        Message(
            headers: ["hostname": .string(node)], properties: MessageProperties(deliveryMode: 1, priority: 0),
            body: body)
    }
}
