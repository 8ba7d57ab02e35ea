/// A key that is equal to another one only when their UTF-8 bytes are.
struct ExactKey: Hashable {
    let key: String

    init(_ key: String) { self.key = key }

    static func == (left: ExactKey, right: ExactKey) -> Bool { same(left.key, right.key) }

    static func same(_ left: String, _ right: String) -> Bool {
        // Equal bytes are always equal strings; the bytes need a look only where normalization could say otherwise.
        guard left.utf8.count == right.utf8.count, left == right else { return false }
        return left.utf8.elementsEqual(right.utf8)
    }

    func hash(into hasher: inout Hasher) {
        let hashed: Void? = key.utf8.withContiguousStorageIfAvailable {
            hasher.combine(bytes: UnsafeRawBufferPointer($0))
        }
        if hashed == nil { for byte in key.utf8 { hasher.combine(byte) } }
    }
}
