extension TaskPayload {
    /// Whether something is to be sent when the task has ended.
    package var hasSequel: Bool { !callbacks.isEmpty || !errbacks.isEmpty || !(chain ?? []).isEmpty }

    /// Reads what is to follow a task that will not run: whoever waits for that has to be told. Where the arguments cannot
    /// be read, or something else is wrong with the body, what follows may be readable all the same.
    ///
    /// - Parameter willRead: is told how many bytes the body has, before they are read.
    /// - Returns: what follows, without the arguments; `nil` when that cannot be read.
    package init?(sequelOf message: Message, _ limits: BodyLimits, willRead: (_ size: Int) -> Void) {
        if message.hasNoSequel {
            self.init()
            return
        }
        do {
            try self.init(message, limits, willRead: willRead)
            // Nobody will run it, and they may be large.
            (args, kwargs) = ([], [:])
        } catch {
            guard message.contentType == "application/json", let embed = message.rawEmbed(limits) else { return nil }
            self.init()
            takeSequel(embed)
        }
    }
}

extension Message {
    /// The end of the body of a plain task.
    private static let plainEnd = Array(
        #"{"callbacks": null, "errbacks": null, "chain": null, "chord": null}]"#.utf8)

    /// Whether nothing follows the task, as far as can be told at a glance.
    fileprivate var hasNoSequel: Bool { body.suffix(Self.plainEnd.count).elementsEqual(Self.plainEnd) }

    /// What follows the task as it is written, without a look at the tagged values of kombu's JSON.
    fileprivate func rawEmbed(_ limits: BodyLimits) -> JSONObject? {
        do {
            let bytes = try decompressedBody(limits.size)
            switch try JSONValue.reading(bytes, memoryLimit: limits.memory).value {
            case .array(let parts): return parts.count > 2 ? parts[2].objectValue : nil
            case .object(let fields): return fields
            default: return nil
            }
        } catch {
            // It is no JSON at all, or too large.
            return nil
        }
    }
}
