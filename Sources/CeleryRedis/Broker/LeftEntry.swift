/// An entry of `unacked` that was left behind.
struct LeftEntry {
    let tag: [UInt8]
    /// Its score: seconds since 1970.
    let time: Double
    let entry: [UInt8]

    init(tag: [UInt8], time: Double, entry: [UInt8]) {
        (self.tag, self.time, self.entry) = (tag, time, entry)
    }

    init?(tag: RESPValue, time: RESPValue, entry: RESPValue) {
        guard let tag = tag.bytes, let time = time.text.flatMap(Double.init), let entry = entry.bytes else {
            return nil
        }
        self.init(tag: tag, time: time, entry: entry)
    }
}
