/// A JSON object that keeps the order of its keys, as Python's dictionaries do.
///
/// Look-ups are linear: the objects on Celery's wire have some twenty keys, where that is faster than hashing, and
/// objects with many keys are parsed and written without look-ups.
public struct JSONObject: Sendable {
    /// The keys and values in order; no key stands twice.
    public private(set) var entries: [(key: String, value: JSONValue)]

    /// An empty object.
    public init() { entries = [] }

    /// The value of `key`; setting `nil` removes the key, a new key goes to the end.
    public subscript(key: String) -> JSONValue? {
        get {
            for entry in entries where entry.key == key { return entry.value }
            return nil
        }
        set {
            if let index = entries.firstIndex(where: { $0.key == key }) {
                if let newValue {
                    entries[index].value = newValue
                } else {
                    entries.remove(at: index)
                }
            } else if let newValue {
                entries.append((key, newValue))
            }
        }
    }

    /// Adds a key that is known to be new, without the look-up of the subscript.
    package mutating func append(_ key: String, _ value: JSONValue) {
        entries.append((key, value))
    }

    /// Makes room for so many keys.
    package mutating func reserveCapacity(_ count: Int) {
        entries.reserveCapacity(count)
    }

    /// Whether there is no key.
    public var isEmpty: Bool { entries.isEmpty }
    /// The number of keys.
    public var count: Int { entries.count }
}

extension JSONObject: Hashable {
    /// Equal when the same keys have equal values, in whatever order, as in Python.
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        guard left.count == right.count else { return false }
        return left.entries.allSatisfy { right[$0.key] == $0.value }
    }

    /// Hashes the keys and values without regard to their order.
    public func hash(into hasher: inout Hasher) {
        var combined = 0
        for entry in entries {
            var element = Hasher()
            element.combine(entry.key)
            element.combine(entry.value)
            combined ^= element.finalize()
        }
        hasher.combine(combined)
    }
}

extension JSONObject: Sequence {
    /// The keys and values in order.
    public func makeIterator() -> Array<(key: String, value: JSONValue)>.Iterator { entries.makeIterator() }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    /// An object; of a key given twice the last value counts.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self.init()
        for (key, value) in elements { self[key] = value }
    }
}
