/// How a key, or a text for people, with lone surrogates is spelled in a `String`.
///
/// Python's strings may hold lone surrogates, Swift's strings may not. The surrogate U+D8xx...U+DFxx is spelled as the
/// noncharacter U+10FFFF followed by the private-use character U+10D8xx...U+10DFxx, and U+10FFFF itself is doubled.
/// Nobody uses these characters, so keys look as they always do, and each key still comes back as it was.
enum JSONKey {
    static let escape: UInt32 = 0x10FFFF
    private static let offset: UInt32 = 0x10_0000

    /// The spelling of the UTF-16 code units of a key.
    static func string(_ units: some Sequence<UInt16>) -> String {
        var scalars = String.UnicodeScalarView()
        var decoder = UnicodeScalarReader(units)
        while let code = decoder.next() {
            if code == escape || isSurrogate(code) { append(escape, to: &scalars) }
            append(isSurrogate(code) ? code + offset : code, to: &scalars)
        }
        return String(scalars)
    }

    /// The UTF-16 code units that a spelling stands for.
    static func units(_ key: String) -> [UInt16] {
        var units: [UInt16] = []
        var scalars = key.unicodeScalars.makeIterator()
        while let scalar = scalars.next() {
            guard scalar.value == escape, let next = scalars.next() else {
                units.append(contentsOf: UTF16.encode(scalar).map(Array.init) ?? [])
                continue
            }
            if next.value >= offset, isSurrogate(next.value - offset) {
                units.append(UInt16(truncatingIfNeeded: next.value - offset))
            } else {
                // Either the doubled escape, or one that a user's own key holds and that stands for itself.
                if next.value != escape { units.append(contentsOf: [0xDBFF, 0xDFFF]) }
                units.append(contentsOf: UTF16.encode(next).map(Array.init) ?? [])
            }
        }
        return units
    }

    /// Whether a key needs `units(_:)`: whether it holds the escape character.
    static func isEscaped(_ key: String) -> Bool { key.unicodeScalars.contains { $0.value == escape } }

    static func isSurrogate(_ code: UInt32) -> Bool { code >= 0xD800 && code <= 0xDFFF }

    private static func append(_ code: UInt32, to scalars: inout String.UnicodeScalarView) {
        if let scalar = Unicode.Scalar(code) { scalars.append(scalar) }
    }
}
