/// A JSON object that keeps the order of its keys, as Python's dictionaries do.
///
/// Keys are compared by their code points, as Python compares them, not by canonical equivalence as Swift's `String`
/// does. A key with lone surrogates, which `String` cannot hold, is spelled as `JSONKey` describes.
public struct JSONObject: Sendable {
    /// Up to this many keys a walk is faster than hashing; Celery's objects have some twenty.
    static let indexThreshold = 32

    /// The keys and values in order; no key stands twice.
    public private(set) var entries: [(key: String, value: JSONValue)]
    /// Where each key stands, kept only for more than `indexThreshold` keys.
    private var index: KeyIndex?

    /// An empty object.
    public init() { entries = [] }

    /// An object of entries whose keys are known to differ.
    init(distinct entries: [(key: String, value: JSONValue)]) {
        self.entries = entries
        if entries.count > Self.indexThreshold { buildIndex() }
    }

    /// The value of `key`; setting `nil` removes the key, a new key goes to the end.
    public subscript(key: String) -> JSONValue? {
        get { position(of: key).map { entries[$0].value } }
        set {
            if let position = position(of: key) {
                if let newValue {
                    entries[position].value = newValue
                } else {
                    entries.remove(at: position)
                    if index != nil { buildIndex() }
                }
            } else if let newValue {
                append(key, newValue)
            }
        }
    }

    /// Adds a key that is known to be new, without the look-up of the subscript.
    package mutating func append(_ key: String, _ value: JSONValue) {
        if entries.count == entries.capacity, entries.count > Self.indexThreshold {
            // In smaller steps than an array's own: what is left free of a large object counts.
            entries.reserveCapacity(entries.count + entries.count / 4)
        }
        entries.append((key, value))
        if index != nil {
            index?.append(lastOf: entries)
        } else if entries.count > Self.indexThreshold {
            buildIndex()
        }
    }

    /// Removes the keys for which `isRemoved` says so, in one pass: removing them one by one takes a pass for each.
    public mutating func removeAll(where isRemoved: (_ key: String, _ value: JSONValue) throws -> Bool) rethrows {
        let count = entries.count
        try entries.removeAll { try isRemoved($0.key, $0.value) }
        guard index != nil, entries.count < count else { return }
        if entries.count > Self.indexThreshold { buildIndex() } else { index = nil }
    }

    /// Whether the next key needs more room.
    var isFull: Bool { entries.count == entries.capacity }

    /// Makes room for so many keys.
    package mutating func reserveCapacity(_ count: Int) {
        entries.reserveCapacity(count)
    }

    /// Whether there is no key.
    public var isEmpty: Bool { entries.isEmpty }
    /// The number of keys.
    public var count: Int { entries.count }

    private func position(of key: String) -> Int? {
        if let index { return index.position(of: key, in: entries) }
        return entries.firstIndex { ExactKey.same($0.key, key) }
    }

    private mutating func buildIndex() { index = KeyIndex(entries) }
}

extension JSONObject: Hashable {
    /// Equal when the same keys have equal values, in whatever order, as in Python.
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        guard left.count == right.count else { return false }
        for position in left.entries.indices where !left.hasEqual(position, right) { return false }
        return true
    }

    private func hasEqual(_ position: Int, _ other: JSONObject) -> Bool {
        // Mostly the order is the same too, and no key needs to be looked up.
        let key = entries[position].key
        let theirs = ExactKey.same(key, other.entries[position].key) ? position : other.position(of: key)
        guard let theirs else { return false }
        return entries[position].value == other.entries[theirs].value
    }

    /// Hashes the keys and values without regard to their order.
    public func hash(into hasher: inout Hasher) {
        var combined = 0
        for position in entries.indices { combined ^= hash(of: position) }
        hasher.combine(combined)
    }

    private func hash(of position: Int) -> Int {
        var hasher = Hasher()
        hasher.combine(ExactKey(entries[position].key))
        hasher.combine(entries[position].value)
        return hasher.finalize()
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
