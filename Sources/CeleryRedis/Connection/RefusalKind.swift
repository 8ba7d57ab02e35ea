/// The kind of a server's refusal, such as `WRONGTYPE`.
struct RefusalKind: Sendable, Hashable, ExpressibleByStringLiteral {
    let name: String

    init(stringLiteral value: String) { name = value }

    /// Reads the first word of the refusal. Redis 6 puts words of its own before what a script came upon, as in
    /// `ERR Error running script (call to f_…): @user_script:6: @user_script: 6: -READONLY You can't write …`.
    init(_ message: String) {
        let words = message.split(separator: " ")
        let start = words.lastIndex { $0.hasPrefix("@user_script") }.map { $0 + 1 } ?? 0
        let kind = words[start...].first { word in
            let letters = word.hasPrefix("-") ? word.dropFirst() : word
            return letters.utf8.count > 1
                && letters.utf8.allSatisfy { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) }
        }
        name = String((kind ?? words.first ?? "").drop { $0 == "-" })
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
}
