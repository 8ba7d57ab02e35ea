#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// Names of workers and clients on the wire, `name@host`.
package enum NodeName {
    /// A client's name: `gen<pid>@<host>`.
    package static let generated = "gen\(ProcessInfo.processInfo.processIdentifier)@\(host)"

    /// The name of this machine.
    package static let host = ProcessInfo.processInfo.hostName

    /// A worker's name from a pattern: `%h` is the host, `%n` its first part, `%d` the rest, `%%` a percent sign. A
    /// name without `@` gets the host.
    package static func expand(_ pattern: String) -> String {
        let parts = host.split(separator: ".", maxSplits: 1)
        var name = ""
        var characters = pattern.makeIterator()
        while let character = characters.next() {
            guard character == "%" else {
                name.append(character)
                continue
            }
            switch characters.next() {
            case "h": name += host
            case "n": name += parts.first ?? ""
            case "d": name += parts.count > 1 ? parts[1] : ""
            case "i", "I": name += "0"
            case let other?: name.append(other)
            case nil: name.append("%")
            }
        }
        return name.contains("@") ? name : "\(name)@\(host)"
    }
}
