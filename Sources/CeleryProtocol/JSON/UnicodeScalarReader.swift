/// Code points from UTF-16 code units, lone surrogates as they are.
struct UnicodeScalarReader<Units: Sequence>: Sequence, IteratorProtocol where Units.Element == UInt16 {
    private var units: Units.Iterator
    private var pending: UInt16?

    init(_ units: Units) { self.units = units.makeIterator() }

    mutating func next() -> UInt32? {
        guard let first = pending ?? units.next() else { return nil }
        pending = nil
        guard first >= 0xD800, first <= 0xDBFF, let second = units.next() else { return UInt32(first) }
        guard second >= 0xDC00, second <= 0xDFFF else {
            pending = second
            return UInt32(first)
        }
        return 0x10000 + (UInt32(first - 0xD800) << 10 | UInt32(second - 0xDC00))
    }
}
