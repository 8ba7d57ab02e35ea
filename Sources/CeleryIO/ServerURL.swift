/// The address of a broker or a result backend, as Celery's settings write it.
///
/// `scheme://[user[:password]@]host[:port][/path][?option=value&…]`. User, password, path and options may be
/// percent-encoded. The description leaves the password out.
package struct ServerURL: Sendable, Hashable {
    package var scheme: String
    package var user: String?
    package var password: String?
    /// Empty when the address has none.
    package var host: String
    package var port: Int?
    /// What follows the host's slash, without that slash; empty when there is nothing.
    package var path: String
    /// The options in order of their appearance; of one given twice the last counts.
    package var options: [String: String]

    /// Reads an address. The error says what is wrong with it, never what its password is.
    package init(_ text: String) throws(IOError) {
        // Only what can be a scheme is one: errors name it, and it must not be a part of a password.
        guard let schemeEnd = text.firstRange(of: "://"), schemeEnd.lowerBound > text.startIndex,
            text[..<schemeEnd.lowerBound].utf8.allSatisfy(Self.isSchemeCharacter)
        else {
            throw IOError(.invalidURL, "a server address needs a scheme, such as redis://localhost:6379/0")
        }
        scheme = text[..<schemeEnd.lowerBound].lowercased()
        var rest = text[schemeEnd.upperBound...]
        options = [:]
        if let mark = rest.firstIndex(of: "?") {
            for item in rest[rest.index(after: mark)...].split(separator: "&") {
                let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                options[try Self.decode(parts[0])] = parts.count == 2 ? try Self.decode(parts[1]) : ""
            }
            rest = rest[..<mark]
        }
        var authority = rest
        path = ""
        if let slash = rest.firstIndex(of: "/") {
            authority = rest[..<slash]
            path = try Self.decode(rest[rest.index(after: slash)...])
        }
        // The last @: passwords that were not encoded may hold one.
        if let at = authority.lastIndex(of: "@") {
            let credentials = authority[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            if let first = credentials.first, !first.isEmpty { user = try Self.decode(first) }
            if credentials.count == 2 { password = try Self.decode(credentials[1]) }
            authority = authority[authority.index(after: at)...]
        }
        var portText: Substring?
        if authority.first == "[" {
            guard let bracket = authority.firstIndex(of: "]") else {
                throw IOError(.invalidURL, "the address in brackets is not closed in a \(scheme) URL")
            }
            host = String(authority[authority.index(after: authority.startIndex)..<bracket])
            let tail = authority[authority.index(after: bracket)...]
            guard tail.isEmpty || tail.first == ":" else {
                throw IOError(.invalidURL, "only a port may follow the address in brackets in a \(scheme) URL")
            }
            if !tail.isEmpty { portText = tail.dropFirst() }
        } else if let colon = authority.lastIndex(of: ":") {
            host = try Self.decode(authority[..<colon])
            portText = authority[authority.index(after: colon)...]
        } else {
            host = try Self.decode(authority)
        }
        if let portText, !portText.isEmpty {
            guard let number = Int(portText), (1...65535).contains(number) else {
                throw IOError(.invalidURL, "the port of a \(scheme) URL must be a number from 1 to 65535")
            }
            port = number
        }
    }

    private static func isSchemeCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    private static func decode(_ text: some StringProtocol) throws(IOError) -> String {
        guard text.utf8.contains(UInt8(ascii: "%")) else { return String(text) }
        var bytes: [UInt8] = []
        var iterator = text.utf8.makeIterator()
        while let byte = iterator.next() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = iterator.next().flatMap(hexDigit), let low = iterator.next().flatMap(hexDigit) else {
                throw IOError(.invalidURL, "a percent sign in a URL must be followed by two hexadecimal digits")
            }
            bytes.append(high << 4 | low)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

extension ServerURL: CustomStringConvertible {
    package var description: String {
        var text = "\(scheme)://"
        if let user { text += "\(user):**@" } else if password != nil { text += ":**@" }
        text += host.contains(":") ? "[\(host)]" : host
        if let port { text += ":\(port)" }
        return path.isEmpty ? text : "\(text)/\(path)"
    }
}
