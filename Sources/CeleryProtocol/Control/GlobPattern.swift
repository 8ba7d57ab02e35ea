/// A shell pattern as Python's `fnmatch` reads it: `*` for any text, `?` for one character, `[abc]`, `[a-c]` and `[!a-c]` for
/// one of some, everything else for itself.
package struct GlobPattern: Sendable {
    private enum Part: Sendable {
        case text(Unicode.Scalar)
        case anyOne
        case anyText
        case oneOf([ClosedRange<Unicode.Scalar>], isNegated: Bool)

        func matches(_ scalar: Unicode.Scalar) -> Bool {
            switch self {
            case .text(let own): own == scalar
            case .anyOne, .anyText: true
            case .oneOf(let ranges, let isNegated): ranges.contains { $0.contains(scalar) } != isNegated
            }
        }
    }

    private let parts: [Part]

    package init(_ pattern: String) {
        let scalars = Array(pattern.unicodeScalars)
        var parts: [Part] = []
        var position = 0
        while position < scalars.count {
            let scalar = scalars[position]
            position += 1
            switch scalar {
            case "*": parts.append(.anyText)
            case "?": parts.append(.anyOne)
            case "[":
                // A bracket that is never closed stands for itself; one right at the beginning of a set is a part of it.
                let start = position < scalars.count && scalars[position] == "!" ? position + 1 : position
                let search = start < scalars.count && scalars[start] == "]" ? start + 1 : start
                guard let end = scalars[min(search, scalars.count)...].firstIndex(of: "]") else {
                    parts.append(.text(scalar))
                    continue
                }
                parts.append(.oneOf(Self.ranges(scalars[start..<end]), isNegated: start > position))
                position = end + 1
            default: parts.append(.text(scalar))
            }
        }
        self.parts = parts
    }

    private static func ranges(_ set: ArraySlice<Unicode.Scalar>) -> [ClosedRange<Unicode.Scalar>] {
        var ranges: [ClosedRange<Unicode.Scalar>] = []
        var rest = set
        while let first = rest.popFirst() {
            if rest.count > 1, rest.first == "-" {
                let last = rest[rest.startIndex + 1]
                rest = rest.dropFirst(2)
                if first <= last { ranges.append(first...last) }
            } else {
                ranges.append(first...first)
            }
        }
        return ranges
    }

    /// Whether the whole text matches. Takes no longer than its length times that of the pattern.
    package func matches(_ text: String) -> Bool {
        let scalars = Array(text.unicodeScalars)
        var (part, position) = (0, 0)
        // Where to go on if what follows the last `*` does not match.
        var retry: (part: Int, position: Int)?
        while position < scalars.count {
            if part < parts.count, case .anyText = parts[part] {
                retry = (part + 1, position)
                part += 1
            } else if part < parts.count, parts[part].matches(scalars[position]) {
                part += 1
                position += 1
            } else if let last = retry {
                retry = (last.part, last.position + 1)
                (part, position) = (last.part, last.position + 1)
            } else {
                return false
            }
        }
        return parts[part...].allSatisfy { if case .anyText = $0 { true } else { false } }
    }
}
