/// The address of a broker or a result backend, as Celery's settings write it.
///
/// `scheme://[user[:password]@]host[:port][/path][?option=value&…]`. Read as kombu's `url_to_parts` does: user, password,
/// host and path may be percent-encoded, options also with `+` for a space; an empty user or password is none; white
/// space around the address and line breaks within it do not count. The description leaves password and options out.
package struct ServerURL: Sendable, Hashable {
    /// In lower case.
    package var scheme: String
    package var user: String?
    package var password: String?
    /// In lower case, as far as it is a name; empty when the address has none.
    package var host: String
    package var port: Int?
    /// What follows the host's slash, without that slash; empty when there is nothing.
    package var path: String
    /// Of an option given twice the last counts. An option without a value is there, and empty.
    package var options: [String: String]

    /// Reads an address. The error says what is wrong with it, and shows no part of it but the scheme: of an address that
    /// makes no sense, any other part may belong to the password.
    package init(_ text: String) throws(IOError) {
        let text = String(String.UnicodeScalarView(text.unicodeScalars.filter { !Self.isLineBreakOrTab($0) }))
        let trimmed = text.drop(while: \.isWhitespace)
        // Only what can be a scheme is one: errors name it, and it must not be a part of a password.
        guard let schemeEnd = trimmed.firstRange(of: "://"), schemeEnd.lowerBound > trimmed.startIndex,
            trimmed[..<schemeEnd.lowerBound].utf8.allSatisfy(Self.isSchemeCharacter)
        else {
            throw IOError(.invalidURL, "a server address needs a scheme, such as redis://localhost:6379/0")
        }
        scheme = trimmed[..<schemeEnd.lowerBound].lowercased()
        var rest = trimmed[schemeEnd.upperBound...]
        while rest.last?.isWhitespace == true { rest.removeLast() }
        let authorityEnd = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
        // Python takes what stands before such an @ for a host, or for a path.
        guard !rest.contains("#"), !rest[authorityEnd...].contains("@") else {
            throw IOError(
                .invalidURL,
                "a \(scheme) URL holds an @ after its first slash or question mark, or a #: within names, passwords, paths "
                    + "and options these are percent-encoded, / as %2F, ? as %3F, # as %23, @ as %40")
        }
        var path = rest[authorityEnd...]
        options = [:]
        if let mark = path.firstIndex(of: "?") {
            options = Self.options(path[path.index(after: mark)...])
            path = path[..<mark]
        }
        self.path = Self.decode(path.dropFirst())
        (user, password, host, port) = try Self.authority(rest[..<authorityEnd], scheme)
    }

    private static func authority(
        _ text: Substring, _ scheme: String
    ) throws(IOError) -> (user: String?, password: String?, host: String, port: Int?) {
        var (user, password): (String?, String?)
        var server = text
        // The last @: passwords that were not encoded may hold one.
        if let at = text.lastIndex(of: "@") {
            let credentials = text[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            user = credentials.first.flatMap { $0.isEmpty ? nil : decode($0) }
            password = credentials.dropFirst().first.flatMap { $0.isEmpty ? nil : decode($0) }
            server = text[text.index(after: at)...]
        }
        var host = server
        var portText: Substring = ""
        if server.first == "[" {
            guard let bracket = server.firstIndex(of: "]") else {
                throw IOError(.invalidURL, "the address in brackets is not closed in a \(scheme) URL")
            }
            host = server[..<bracket].dropFirst()
            let tail = server[bracket...].dropFirst()
            guard tail.isEmpty || tail.first == ":" else {
                throw IOError(.invalidURL, "only a port may follow the address in brackets in a \(scheme) URL")
            }
            portText = tail.dropFirst()
        } else if let colon = server.lastIndex(of: ":") {
            host = server[..<colon]
            portText = server[colon...].dropFirst()
            guard !host.contains(":") else {
                throw IOError(.invalidURL, "an IPv6 address stands in brackets in a \(scheme) URL")
            }
        }
        // The zone of an IPv6 address is an interface's name, which keeps its case.
        let parts = decode(host).split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        let name = ([parts[0].lowercased()] + parts.dropFirst().map(String.init)).joined(separator: "%")
        guard !name.unicodeScalars.contains(where: { $0.properties.isWhitespace || $0.value < 32 || $0.value == 127 })
        else {
            throw IOError(.invalidURL, "the host of a \(scheme) URL holds a space or a control character")
        }
        guard !portText.isEmpty else { return (user, password, name, nil) }
        guard let number = Int(portText), (1...65535).contains(number) else {
            throw IOError(.invalidURL, "the port of a \(scheme) URL must be a number from 1 to 65535")
        }
        return (user, password, name, number)
    }

    private static func options(_ query: Substring) -> [String: String] {
        var options: [String: String] = [:]
        for item in query.split(separator: "&") {
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                .map { decode($0.replacing("+", with: " ")) }
            options[parts[0]] = parts.count == 2 ? parts[1] : ""
        }
        return options
    }

    private static func isLineBreakOrTab(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "\n" || scalar == "\r" || scalar == "\t"
    }

    private static func isSchemeCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}

extension ServerURL: CustomStringConvertible {
    package var description: String {
        var text = "\(scheme)://"
        if let user { text += "\(Self.encode(user)):**@" } else if password != nil { text += ":**@" }
        text += host.contains(":") ? "[\(Self.encode(host, keeping: ":"))]" : Self.encode(host)
        if let port { text += ":\(port)" }
        return path.isEmpty ? text : "\(text)/\(Self.encode(path, keeping: "/"))"
    }
}
