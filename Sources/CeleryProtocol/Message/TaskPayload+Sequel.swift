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
    ///
    /// Of a body that is too large the arguments are stepped over, as those of a chord's body may be: only what follows is
    /// read then. One that is too large when it is decompressed stays unread.
    fileprivate func rawEmbed(_ limits: BodyLimits) -> JSONObject? {
        guard let bytes = compression == nil ? body : decompressedBodyIfItFits(limits) else { return nil }
        switch Self.value(bytes, limits) {
        case .array(let parts)?: return parts.count > 2 ? parts[2].objectValue : nil
        case .object(let fields)?: return fields
        case nil: return Self.lastOfThree(bytes).flatMap { Self.value(Array(bytes[$0]), limits)?.objectValue }
        default: return nil
        }
    }

    private func decompressedBodyIfItFits(_ limits: BodyLimits) -> [UInt8]? {
        do { return try decompressedBody(limits.size) } catch { return nil }
    }

    /// The value; `nil` when it is no JSON, or too large.
    private static func value(_ bytes: [UInt8], _ limits: BodyLimits) -> JSONValue? {
        guard bytes.count <= limits.size else { return nil }
        do { return try JSONValue.reading(bytes, memoryLimit: limits.memory).value } catch { return nil }
    }

    /// Where the third element of an array stands, if it is the last one; nothing is read, so it need not be JSON.
    private static func lastOfThree(_ bytes: [UInt8]) -> Range<Int>? {
        guard let end = bytes.lastIndex(of: UInt8(ascii: "]")) else { return nil }
        var depth = 0
        var commas = 0
        var position = 0
        while position < end {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                position += 1
                while position < end, bytes[position] != UInt8(ascii: "\"") {
                    position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
                }
            case UInt8(ascii: "["), UInt8(ascii: "{"): depth += 1
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
            case UInt8(ascii: ",") where depth == 1:
                commas += 1
                if commas == 2 { return position + 1..<end }
            default: break
            }
            position += 1
        }
        return nil
    }
}
