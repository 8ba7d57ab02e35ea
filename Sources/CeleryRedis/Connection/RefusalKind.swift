internal import CeleryTransport

/// The kind of a server's refusal, such as `WRONGTYPE`.
struct RefusalKind: Sendable, Hashable, ExpressibleByStringLiteral {
    /// The server does not have the command: it is renamed, or the server is too old.
    static let unknownCommand: RefusalKind = "unknown command"

    let name: String

    init(stringLiteral value: String) { name = value }

    /// Reads the first word of the refusal. Redis 6 puts words of its own before what a script came upon, as in
    /// `ERR Error running script (call to f_…): @user_script:6: @user_script: 6: -READONLY You can't write …`, and what a
    /// script's user may not do has no word of its own before Redis 7.2.
    init(_ message: String) {
        if Self.says(message, ["unknown command", "Unknown Redis command", "unknown subcommand"]) {
            self = Self.unknownCommand
            return
        }
        if Self.says(message, ["user executing the script can't", "ACL failure in script"]) {
            self = "NOPERM"
            return
        }
        let words = message.split(separator: " ")
        let start = words.lastIndex { $0.hasPrefix("@user_script") }.map { $0 + 1 } ?? 0
        let kind = words[start...].first { word in
            let letters = word.hasPrefix("-") ? word.dropFirst() : word
            return letters.utf8.count > 1
                && letters.utf8.allSatisfy { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
        }
        name = String((kind ?? words.first ?? "").drop { $0 == "-" })
    }

    /// Redis's own words stand at the beginning; what follows may be a client's.
    private static func says(_ message: String, _ phrases: [String]) -> Bool {
        guard message.contains("ERR ") || message.contains("user_script") || message.contains("ACL failure") else {
            return false
        }
        let beginning = message.prefix(200)
        return phrases.contains { beginning.contains($0) }
    }

    /// Another connection may not meet these: after a failover the old master only reads, and a new one loads its data.
    var isOfThisServer: Bool { ["READONLY", "LOADING", "MASTERDOWN"].contains(self) }

    /// The same command may succeed later.
    var isPassing: Bool {
        isOfThisServer
            || ["OOM", "BUSY", "MISCONF", "NOREPLICAS", "TRYAGAIN", "CLUSTERDOWN", "UNKILLABLE"].contains(self)
    }

    /// This user may not do that, whatever it is done to.
    var isOfThisUser: Bool { ["NOPERM", "NOAUTH"].contains(self) }

    /// Whether the server says by this that it takes no more connections; the one it says it on ends.
    static func isServerFull(_ message: String) -> Bool {
        message.hasPrefix("ERR max number of clients")
    }

    /// Whether the server does not have the command, or does not let this user run it: so it is with each such command,
    /// whatever its keys are, until somebody changes the user's rights.
    static func isOfCommand(_ message: String) -> Bool {
        let kind = RefusalKind(message)
        return kind == unknownCommand
            || kind == "NOPERM" && (message.contains("to run the") || message.contains("run this command"))
    }
}
