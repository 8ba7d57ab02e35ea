/// Takes secrets out of texts that others have written: servers and parsers repeat what they do not understand.
package struct Redaction: Sendable {
    /// What stands in place of a secret.
    package static let mask = "**"
    /// A server that cuts what it repeats shows the beginning of a secret, before a quote; so much of it is taken for one.
    private static let shortestBeginning = 6

    private let secrets: [[UInt8]]

    /// - Parameter secrets: as they are; their percent-encoded forms are taken out too. Empty ones do not count.
    package init(_ secrets: [String?]) {
        var forms: Set<[UInt8]> = []
        for case let secret? in secrets where !secret.isEmpty {
            let encoded = [ServerURL.encode(secret), ServerURL.encode(secret, keeping: "/")]
            for form in [secret] + encoded + encoded.map(Self.lowercasingEscapes) {
                forms.insert(Array(form.utf8))
                // Redis writes its errors in one line.
                forms.insert(form.utf8.map { $0 == 10 || $0 == 13 ? 32 : $0 })
            }
        }
        self.secrets = forms.sorted { $0.count > $1.count }
    }

    /// The text without the secrets, and without what a cut has left of one.
    package func callAsFunction(_ text: String) -> String {
        guard !secrets.isEmpty else { return text }
        let bytes = Array(text.utf8)
        var shown: [UInt8] = []
        var position = 0
        while position < bytes.count {
            let hidden = secrets.map { hiddenCount($0, in: bytes[position...]) }.max() ?? 0
            if hidden > 0 {
                shown += Self.mask.utf8
                position += hidden
            } else {
                shown.append(bytes[position])
                position += 1
            }
        }
        return String(decoding: shown, as: UTF8.self)
    }

    private func hiddenCount(_ secret: [UInt8], in text: ArraySlice<UInt8>) -> Int {
        let common = zip(secret, text).prefix { $0 == $1 }.count
        if common == secret.count { return common }
        // A whole word that begins as the secret does was not cut by the server. To hide it would tell how the secret begins.
        let next = text.dropFirst(common).first
        return common >= Self.shortestBeginning && (next == nil || next == UInt8(ascii: "'")) ? common : 0
    }

    /// `%2F` as `%2f`.
    private static func lowercasingEscapes(_ text: String) -> String {
        var left = 0
        return String(
            text.map { character in
                if character == "%" { left = 3 }
                defer { left = max(0, left - 1) }
                return left > 0 ? Character(character.lowercased()) : character
            })
    }
}
