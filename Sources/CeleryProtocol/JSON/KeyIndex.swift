/// Where each key of a large object stands: a table of positions in four bytes each, which is hashed into.
struct KeyIndex: Sendable {
    typealias Entries = [(key: String, value: JSONValue)]

    /// Positions counted from 1; 0 is free. There are twice as many places as keys, or more.
    private var places: [UInt32]

    init(_ entries: Entries) {
        places = Array(repeating: 0, count: Self.size(for: entries.count))
        for position in entries.indices { insert(position, of: entries) }
    }

    private static func size(for count: Int) -> Int {
        var size = 64
        while size < 2 * count { size *= 2 }
        return size
    }

    /// The position of `key`.
    func position(of key: String, in entries: Entries) -> Int? {
        var place = firstPlace(of: key)
        while places[place] != 0 {
            let position = Int(places[place]) - 1
            if ExactKey.same(entries[position].key, key) { return position }
            place = (place + 1) & (places.count - 1)
        }
        return nil
    }

    /// Notes the last of `entries`, whose key is new.
    mutating func append(lastOf entries: Entries) {
        if 2 * entries.count > places.count {
            self = KeyIndex(entries)
        } else {
            insert(entries.count - 1, of: entries)
        }
    }

    private mutating func insert(_ position: Int, of entries: Entries) {
        var place = firstPlace(of: entries[position].key)
        while places[place] != 0 { place = (place + 1) & (places.count - 1) }
        places[place] = UInt32(position + 1)
    }

    /// The hash differs in every process, so that nobody can choose keys that collide.
    private func firstPlace(of key: String) -> Int { ExactKey(key).hashValue & (places.count - 1) }
}
