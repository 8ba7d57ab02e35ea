internal import CeleryProtocol

/// What `--json` prints.
enum JSONOutput {
    /// Prints a value in one line, at once: what follows may take long.
    static func print(_ value: JSONValue) {
        LogOutput.standardOutput.write(String(decoding: value.serialized(), as: UTF8.self) + "\n")
    }
}
