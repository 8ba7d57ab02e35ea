/// Finds where a value stands in a JSON document, so that it can be replaced and all else stays byte for byte.
package enum JSONLocator {
    /// The bytes of the value under these keys, one within the other; `nil` when there is none. Of a key that stands twice
    /// the last one counts, as everywhere. Keys that are written with escapes are not found.
    ///
    /// - Parameter document: JSON that can be read.
    package static func range(of path: [String], in document: [UInt8]) -> Range<Int>? {
        var range = document.indices
        for key in path {
            guard let found = member(Array(key.utf8), of: range, in: document) else { return nil }
            range = found
        }
        return range
    }

    private static func member(_ key: [UInt8], of range: Range<Int>, in bytes: [UInt8]) -> Range<Int>? {
        var position = skipBlanks(range.lowerBound, range, bytes)
        guard position < range.upperBound, bytes[position] == UInt8(ascii: "{") else { return nil }
        var found: Range<Int>?
        position += 1
        while true {
            let name = skipBlanks(position, range, bytes)
            guard name < range.upperBound, bytes[name] == UInt8(ascii: "\"") else { return found }
            let nameEnd = end(of: name, range, bytes)
            let colon = skipBlanks(nameEnd, range, bytes)
            let value = skipBlanks(colon + 1, range, bytes)
            guard value < range.upperBound else { return found }
            let valueEnd = end(of: value, range, bytes)
            if bytes[name..<nameEnd].dropFirst().dropLast().elementsEqual(key) { found = value..<valueEnd }
            position = skipBlanks(valueEnd, range, bytes)
            guard position < range.upperBound, bytes[position] == UInt8(ascii: ",") else { return found }
            position += 1
        }
    }

    private static func skipBlanks(_ start: Int, _ range: Range<Int>, _ bytes: [UInt8]) -> Int {
        var position = start
        while position < range.upperBound, JSONBytes.isBlank(bytes[position]) { position += 1 }
        return position
    }

    /// Where the value that begins at `start` ends.
    private static func end(of start: Int, _ range: Range<Int>, _ bytes: [UInt8]) -> Int {
        var position = start
        var depth = 0
        while position < range.upperBound {
            switch bytes[position] {
            case UInt8(ascii: "\""):
                position += 1
                while position < range.upperBound, bytes[position] != UInt8(ascii: "\"") {
                    position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
                }
            case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"): depth -= 1
            case let byte where depth == 0 && (byte == UInt8(ascii: ",") || JSONBytes.isBlank(byte)): return position
            default: break
            }
            if depth < 0 { return position }
            position += 1
            if depth == 0, isEnd(bytes[position - 1]) { return min(position, range.upperBound) }
        }
        return range.upperBound
    }

    /// Whether a value that begins with it, or is closed by it, is complete behind it.
    private static func isEnd(_ byte: UInt8) -> Bool {
        [UInt8(ascii: "\""), UInt8(ascii: "}"), UInt8(ascii: "]")].contains(byte)
    }
}
