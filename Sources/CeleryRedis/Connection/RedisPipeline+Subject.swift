internal import CeleryProtocol

extension RedisPipeline {
    /// A refusal with the command and the key that it is about, which Redis does not name, if it is about a key.
    ///
    /// - Parameter position: which of the commands was refused.
    func naming(_ refusal: String, ofCommand position: Int) -> String {
        let kind = RefusalKind(refusal)
        guard kind == "WRONGTYPE" || kind.isOfThisUser && refusal.contains(" key"), let command = command(position),
            let name = command.first
        else { return refusal }
        let keys: ArraySlice<String>
        if ["EVAL", "EVALSHA"].contains(name) {
            // They say themselves which of their keys is of a wrong type.
            guard kind != "WRONGTYPE", command.count > 2, let count = Int(command[2]) else { return refusal }
            keys = command.dropFirst(3).prefix(count)
        } else {
            keys = command.dropFirst().prefix(1)
        }
        return "\(refusal) (\(name) \(LogText.name(keys.joined(separator: " "))))"
    }

    /// The arguments of one of the commands; `nil` when there is no such command.
    func command(_ position: Int) -> [String]? {
        var rest = bytes[...]
        for _ in 0..<position {
            guard let count = Self.takeNumber(&rest) else { return nil }
            for _ in 0..<count { guard Self.takeArgument(&rest) != nil else { return nil } }
        }
        guard let count = Self.takeNumber(&rest) else { return nil }
        var arguments: [String] = []
        for _ in 0..<count {
            guard let argument = Self.takeArgument(&rest) else { return nil }
            arguments.append(String(decoding: argument, as: UTF8.self))
        }
        return arguments
    }

    private static func takeArgument(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let length = takeNumber(&rest), rest.count >= length + 2 else { return nil }
        defer { rest = rest.dropFirst(length + 2) }
        return rest.prefix(length)
    }

    /// The number in a line after its first character.
    private static func takeNumber(_ rest: inout ArraySlice<UInt8>) -> Int? {
        guard let end = rest.firstIndex(of: UInt8(ascii: "\r")), rest.endIndex - end >= 2 else { return nil }
        defer { rest = rest[(end + 2)...] }
        return Int(String(decoding: rest[..<end].dropFirst(), as: UTF8.self)).flatMap { $0 >= 0 ? $0 : nil }
    }
}
