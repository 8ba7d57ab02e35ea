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

    /// A worker's name from a pattern: `%h` is the host, `%n` its first part, `%d` the rest, `%%` a percent sign. As in
    /// Celery, a pattern without `@` is a host, and the name is `celery` then.
    package static func expand(_ pattern: String) -> String {
        let parts = pattern.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        let name = parts.count > 1 && !parts[0].isEmpty ? parts[0] : "celery"
        let place = parts.last.map { $0.isEmpty ? Substring(host) : $0 } ?? Substring(host)
        return format("\(name)@\(place)")
    }

    private static func format(_ pattern: String) -> String {
        let parts = host.split(separator: ".", maxSplits: 1)
        var text = ""
        var characters = pattern.makeIterator()
        while let character = characters.next() {
            guard character == "%" else {
                text.append(character)
                continue
            }
            switch characters.next() {
            case "h": text += host
            case "n": text += parts.first ?? ""
            case "d": text += parts.count > 1 ? parts[1] : ""
            // The number of the process, which is always the only one.
            case "i": text += "0"
            case "I": break
            case "%": text += "%"
            case let other?: text += "%\(other)"
            case nil: text += "%"
            }
        }
        return text
    }
}
